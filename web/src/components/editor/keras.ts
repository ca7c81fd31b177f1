import {
  type Completion,
  type CompletionContext,
  type CompletionResult,
  snippetCompletion,
} from "@codemirror/autocomplete";

/** What stands in a list of completions: how it is called, and what is put in if that is more than its name. */
type Entry = readonly [name: string, template?: string];

const LAYERS: readonly Entry[] = [
  ["Activation", 'Activation("#{relu}")'],
  ["Add", "Add()"],
  ["AveragePooling1D", "AveragePooling1D(#{1:2})"],
  ["AveragePooling2D", "AveragePooling2D(#{1:2})"],
  ["BatchNormalization", "BatchNormalization()"],
  ["Bidirectional", "Bidirectional(#{layer})"],
  ["Concatenate", "Concatenate()"],
  ["Conv1D", 'Conv1D(#{1:filters}, #{2:3}, activation="#{3:relu}")'],
  ["Conv2D", 'Conv2D(#{1:filters}, #{2:3}, activation="#{3:relu}")'],
  ["Conv2DTranspose", 'Conv2DTranspose(#{1:filters}, #{2:3}, activation="#{3:relu}")'],
  ["Dense", 'Dense(#{units}, activation="#{relu}")'],
  ["DepthwiseConv2D", "DepthwiseConv2D(#{1:3})"],
  ["Dropout", "Dropout(#{0.2})"],
  ["Embedding", "Embedding(#{words}, #{size})"],
  ["Flatten", "Flatten()"],
  ["GRU", "GRU(#{units})"],
  ["GaussianNoise", "GaussianNoise(#{0.1})"],
  ["GlobalAveragePooling1D", "GlobalAveragePooling1D()"],
  ["GlobalAveragePooling2D", "GlobalAveragePooling2D()"],
  ["GlobalMaxPooling1D", "GlobalMaxPooling1D()"],
  ["LSTM", "LSTM(#{units})"],
  ["LayerNormalization", "LayerNormalization()"],
  ["LeakyReLU", "LeakyReLU()"],
  ["MaxPooling1D", "MaxPooling1D(#{1:2})"],
  ["MaxPooling2D", "MaxPooling2D(#{1:2})"],
  ["MultiHeadAttention", "MultiHeadAttention(#{heads}, #{size})"],
  ["Normalization", "Normalization(mean=#{1:0}, variance=#{2:1})"],
  ["ReLU", "ReLU()"],
  ["Rescaling", "Rescaling(#{1 / 255})"],
  ["Reshape", "Reshape(#{(8, 8, 1)})"],
  ["SeparableConv2D", 'SeparableConv2D(#{1:filters}, #{2:3}, activation="#{3:relu}")'],
  ["Softmax", "Softmax()"],
  ["TimeDistributed", "TimeDistributed(#{layer})"],
  ["UpSampling2D", "UpSampling2D(#{1:2})"],
  ["ZeroPadding2D", "ZeroPadding2D(#{1:1})"],
];

const OPTIMIZERS: readonly Entry[] = [
  ["Adam", "Adam(#{0.001})"],
  ["AdamW", "AdamW(#{0.001}, weight_decay=#{0.004})"],
  ["Adagrad", "Adagrad(#{0.01})"],
  ["Lion", "Lion(#{0.0001})"],
  ["Nadam", "Nadam(#{0.001})"],
  ["RMSprop", "RMSprop(#{0.001})"],
  ["SGD", "SGD(#{0.01}, momentum=#{0.9})"],
];

const LOSSES: readonly Entry[] = [
  ["BinaryCrossentropy", "BinaryCrossentropy()"],
  ["CategoricalCrossentropy", "CategoricalCrossentropy()"],
  ["CosineSimilarity", "CosineSimilarity()"],
  ["Huber", "Huber()"],
  ["KLDivergence", "KLDivergence()"],
  ["LogCosh", "LogCosh()"],
  ["MeanAbsoluteError", "MeanAbsoluteError()"],
  ["MeanSquaredError", "MeanSquaredError()"],
  ["SparseCategoricalCrossentropy", "SparseCategoricalCrossentropy(from_logits=#{False})"],
];

const METRICS: readonly Entry[] = [
  ["AUC", "AUC()"],
  ["BinaryAccuracy", "BinaryAccuracy()"],
  ["CategoricalAccuracy", "CategoricalAccuracy()"],
  ["MeanAbsoluteError", "MeanAbsoluteError()"],
  ["Precision", "Precision()"],
  ["R2Score", "R2Score()"],
  ["Recall", "Recall()"],
  ["RootMeanSquaredError", "RootMeanSquaredError()"],
  ["SparseCategoricalAccuracy", "SparseCategoricalAccuracy()"],
];

const KERAS: readonly Entry[] = [
  ["Input", "Input(#{(8, 8)})"],
  ["Model", "Model(#{inputs}, #{outputs})"],
  ["Sequential", "Sequential([\n\t#{}\n])"],
  ["initializers"],
  ["layers"],
  ["losses"],
  ["metrics"],
  ["ops"],
  ["optimizers"],
  ["regularizers"],
];

const MODEL: readonly Entry[] = [
  ["add", "add(#{layer})"],
  ["compile", 'compile(optimizer="#{adam}", loss="#{mse}", metrics=["#{mae}"])'],
  ["summary", "summary()"],
];

const MODULES: Readonly<Record<string, readonly Entry[]>> = {
  keras: KERAS,
  layers: LAYERS,
  optimizers: OPTIMIZERS,
  losses: LOSSES,
  metrics: METRICS,
  model: MODEL,
};

const names = (text: string): readonly Entry[] => text.split(" ").map((name) => [name]);

/** What text an argument takes. */
const ARGUMENTS: Readonly<Record<string, readonly Entry[]>> = {
  activation: names("relu sigmoid softmax tanh elu gelu selu silu softplus linear leaky_relu"),
  optimizer: names("adam adamw adagrad lion nadam rmsprop sgd"),
  loss: names("sparse_categorical_crossentropy categorical_crossentropy binary_crossentropy mse mae huber log_cosh"),
  metrics: names("accuracy mae mse sparse_categorical_accuracy binary_accuracy categorical_accuracy"),
  padding: names("same valid causal"),
};

const TEXT_ARGUMENT = /(\w+)\s*=\s*(?:\[(?:\s*"[\w]*"\s*,)*\s*)?"(\w*)$/;
const MEMBER = /(\w+)\.(\w*)$/;

/** What fits after the text of a line up to the cursor: where it begins in that text, and what there is. */
export function fitting(before: string): { from: number; entries: readonly Entry[] } | null {
  const argument = TEXT_ARGUMENT.exec(before);
  const texts = argument?.[1] === undefined ? undefined : ARGUMENTS[argument[1]];
  if (texts !== undefined) return { from: before.length - (argument?.[2]?.length ?? 0), entries: texts };
  const member = MEMBER.exec(before);
  const members = member?.[1] === undefined ? undefined : MODULES[member[1]];
  if (members !== undefined) return { from: before.length - (member?.[2]?.length ?? 0), entries: members };
  return null;
}

/** Completes what is used most of Keras. */
export function completeKeras(context: CompletionContext): CompletionResult | null {
  const line = context.state.doc.lineAt(context.pos);
  const found = fitting(context.state.sliceDoc(line.from, context.pos));
  if (found === null) return null;
  return { from: line.from + found.from, options: found.entries.map(optionOf), validFor: /^\w*$/ };
}

function optionOf([label, template]: Entry): Completion {
  const type = template === undefined ? "constant" : "class";
  return template === undefined ? { label, type } : snippetCompletion(template, { label, type });
}

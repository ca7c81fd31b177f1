/** Where a new model may begin. Each is code that validates as it is. */
export interface Example {
  id: string;
  name: string;
  text: string;
  code: string;
}

export const EXAMPLES: readonly [Example, ...Example[]] = [
  {
    id: "dense",
    name: "Dense classifier",
    text: "Images or rows of numbers into one of several classes",
    code: `# What a sample looks like comes first, here 8 × 8 grey pixels from 0 to 16.
model = keras.Sequential([
    keras.Input((8, 8)),
    keras.layers.Rescaling(1 / 16),
    keras.layers.Flatten(),
    keras.layers.Dense(64, activation="relu"),
    keras.layers.Dense(10, activation="softmax"),  # a probability for each class
])
model.compile(
    optimizer="adam",
    loss="sparse_categorical_crossentropy",  # labels are numbers of classes
    metrics=["accuracy"],
)
`,
  },
  {
    id: "convolution",
    name: "Convolution on images",
    text: "Grey images of 28 × 28 pixels into ten classes",
    code: `model = keras.Sequential([
    keras.Input((28, 28)),
    keras.layers.Rescaling(1 / 255),
    keras.layers.Reshape((28, 28, 1)),  # convolutions want a channel
    keras.layers.Conv2D(32, 3, activation="relu"),
    keras.layers.MaxPooling2D(2),
    keras.layers.Conv2D(64, 3, activation="relu"),
    keras.layers.MaxPooling2D(2),
    keras.layers.Flatten(),
    keras.layers.Dropout(0.3),
    keras.layers.Dense(10, activation="softmax"),
])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
`,
  },
  {
    id: "binary",
    name: "Yes or no",
    text: "Rows of numbers in different units into one of two classes",
    code: `model = keras.Sequential([
    keras.Input((30,)),
    keras.layers.BatchNormalization(),  # features may come in very different units
    keras.layers.Dense(16, activation="relu"),
    keras.layers.Dense(1, activation="sigmoid"),  # the probability of a yes
])
model.compile(
    optimizer=keras.optimizers.Adam(0.005),
    loss="binary_crossentropy",
    metrics=["accuracy", keras.metrics.AUC(name="auc")],
)
`,
  },
  {
    id: "regression",
    name: "Regression",
    text: "Rows of numbers into a number",
    code: `model = keras.Sequential([
    keras.Input((10,)),
    keras.layers.BatchNormalization(),
    keras.layers.Dense(64, activation="relu"),
    keras.layers.Dense(32, activation="relu"),
    keras.layers.Dense(1),  # any number: no activation
])
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse", metrics=["mae"])
`,
  },
  {
    id: "series",
    name: "Series",
    text: "Windows of a signal, such as of three sensors, into classes",
    code: `# 128 moments of 3 signals a sample.
model = keras.Sequential([
    keras.Input((128, 3)),
    keras.layers.Conv1D(32, 7, activation="relu"),
    keras.layers.MaxPooling1D(2),
    keras.layers.Conv1D(64, 5, activation="relu"),
    keras.layers.GlobalAveragePooling1D(),
    keras.layers.Dense(6, activation="softmax"),
])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
`,
  },
  {
    id: "forecast",
    name: "Forecast",
    text: "A window of a series into its next value",
    code: `# The last 48 values of one signal; the label is the value that comes next.
model = keras.Sequential([
    keras.Input((48, 1)),
    keras.layers.GRU(32),
    keras.layers.Dense(1),
])
model.compile(optimizer="adam", loss="huber", metrics=["mae"])
`,
  },
  {
    id: "autoencoder",
    name: "Autoencoder",
    text: "Rows of numbers into themselves, to find what is unusual",
    code: `# The label of each sample is the sample itself.
inputs = keras.Input((30,))
x = keras.layers.Dense(16, activation="relu")(inputs)
code = keras.layers.Dense(4, activation="relu", name="code")(x)
x = keras.layers.Dense(16, activation="relu")(code)
outputs = keras.layers.Dense(30)(x)

model = keras.Model(inputs, outputs)
model.compile(optimizer="adam", loss="mse")
`,
  },
  {
    id: "functional",
    name: "With a shortcut",
    text: "The functional style: layers that are skipped and added again",
    code: `inputs = keras.Input((32, 32, 3))
x = keras.layers.Rescaling(1 / 255)(inputs)
x = keras.layers.Conv2D(32, 3, padding="same", activation="relu")(x)

for _ in range(2):
    y = keras.layers.Conv2D(32, 3, padding="same", activation="relu")(x)
    y = keras.layers.Conv2D(32, 3, padding="same")(y)
    x = keras.layers.ReLU()(keras.layers.Add()([x, y]))

x = keras.layers.GlobalAveragePooling2D()(x)
outputs = keras.layers.Dense(10, activation="softmax")(x)

model = keras.Model(inputs, outputs)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
`,
  },
];

import keras

model = keras.Sequential(
    [
        keras.Input((30,)),
        keras.layers.BatchNormalization(momentum=0.97),  # the features come in very different units
        keras.layers.Dense(16, activation="relu"),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(optimizer=keras.optimizers.Adam(0.005), loss="binary_crossentropy", metrics=["accuracy"])

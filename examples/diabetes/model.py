import keras

model = keras.Sequential(
    [
        keras.Input((10,)),
        keras.layers.Rescaling(20),  # the features have a standard deviation of about 1/20
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(1, bias_initializer=keras.initializers.Constant(150)),
    ]
)
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse", metrics=["mae"])

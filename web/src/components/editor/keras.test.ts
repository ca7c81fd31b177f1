import { describe, expect, it } from "vitest";
import { fitting } from "./keras";

const offered = (before: string) => fitting(before)?.entries.map(([name]) => name);

describe("fitting", () => {
  it("offers layers after their module, however that is reached", () => {
    expect(offered("    keras.layers.De")).toContain("Dense");
    expect(offered("x = tf.keras.layers.")).toContain("Conv2D");
    expect(fitting("    keras.layers.De")?.from).toBe("    keras.layers.".length);
  });

  it("offers texts within the quotes of an argument", () => {
    expect(offered('keras.layers.Dense(3, activation="so')).toContain("softmax");
    expect(offered('model.compile(optimizer="')).toContain("adam");
    expect(offered('model.compile(optimizer="adam", loss="sparse')).toContain("sparse_categorical_crossentropy");
    expect(fitting('Dense(3, activation="so')?.from).toBe('Dense(3, activation="'.length);
  });

  it("offers metrics anywhere in their list", () => {
    expect(offered('metrics=["')).toContain("accuracy");
    expect(offered('metrics=["accuracy", "m')).toContain("mae");
  });

  it("offers nothing elsewhere", () => {
    expect(fitting("x = ")).toBeNull();
    expect(fitting('name="re')).toBeNull();
    expect(fitting('activation="relu", ')).toBeNull();
    expect(fitting("np.")).toBeNull();
  });
});

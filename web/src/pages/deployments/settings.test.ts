import { describe, expect, it } from "vitest";
import { bodyOf, DEFAULTS, fieldOf, fitText, type Settings, valuesOf } from "./settings";

const VALUES = { ...DEFAULTS, configuration: "3" };

describe("bodyOf", () => {
  it("leaves out what is empty", () => {
    const body = bodyOf(VALUES);
    expect(body).toMatchObject({ configuration_id: 3, fit: { epochs: 10, steps_per_epoch: null, class_weight: null } });
    expect(body.placement).toMatchObject({ cpus: null, tolerations: [], node_selector: {}, service_account: null });
  });

  it("reads weights, labels and taints from lines", () => {
    const body = bodyOf({
      ...VALUES,
      classWeight: "0: 1.5\n1:2\n",
      nodeSelector: "kubernetes.io/arch=amd64",
      tolerations: "gpu=yes:NoSchedule\nspot:NoExecute",
    });
    expect(body.fit).toMatchObject({ class_weight: { 0: 1.5, 1: 2 } });
    expect(body.placement?.node_selector).toEqual({ "kubernetes.io/arch": "amd64" });
    expect(body.placement?.tolerations).toMatchObject([
      { key: "gpu", operator: "Equal", value: "yes", effect: "NoSchedule" },
      { key: "spot", operator: "Exists", value: null, effect: "NoExecute" },
    ]);
  });

  it("does not make a number of what is none", () => {
    expect(bodyOf({ ...VALUES, classWeight: "0: much" }).fit).toMatchObject({ class_weight: { 0: "much" } });
  });

  it("sends keyword text as it is", () => {
    expect(bodyOf({ ...VALUES, asText: true, fitText: " epochs=5, steps=2 " }).fit).toBe("epochs=5, steps=2");
  });
});

it("valuesOf and bodyOf are each other's reverse", () => {
  const {
    configuration_id: _id,
    description: _words,
    ...settings
  } = bodyOf({
    ...VALUES,
    epochs: 4,
    stepsPerEpoch: 7,
    classWeight: "0: 0.5",
    tolerations: "gpu=yes:NoSchedule",
    nodeSelector: "a=b",
    evaluateSteps: 9,
  });
  const again = bodyOf({ ...VALUES, ...valuesOf(settings as Settings) });
  expect(again).toMatchObject(settings);
});

describe("fieldOf", () => {
  it("finds the field, or the one around it", () => {
    expect(fieldOf("/fit/epochs", false)).toBe("epochs");
    expect(fieldOf("/fit/class_weight/0", false)).toBe("classWeight");
    expect(fieldOf("/placement/tolerations/1/key", false)).toBe("tolerations");
    expect(fieldOf("/unheard", false)).toBeNull();
  });
  it("has one field for all arguments where they are text", () => {
    expect(fieldOf("/fit/epochs", true)).toBe("fitText");
    expect(fieldOf("/fit", true)).toBe("fitText");
    expect(fieldOf("/evaluate/steps", true)).toBe("evaluateText");
  });
});

it("fitText writes what differs from the defaults", () => {
  const { fit } = bodyOf({ ...VALUES, epochs: 5, stepsPerEpoch: 100, shuffle: false, classWeight: "1: 2" });
  expect(fitText(fit as NonNullable<Settings["fit"]>)).toBe(
    "epochs=5, steps_per_epoch=100, shuffle=False, class_weight={1: 2}",
  );
});

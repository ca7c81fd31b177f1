import { Code } from "@mantine/core";
import type { Views } from "@/api/resources";
import { Facts } from "@/components/Facts";
import { count, duration } from "@/components/formats";
import { Ago } from "@/components/time";
import { fitText } from "./settings";

/** How the models of a deployment are trained. */
export function DeploymentFacts({ deployment }: { deployment: Views["deployments"] }) {
  const { settings } = deployment;
  const { fit, evaluate, placement } = settings;
  const labels = Object.entries(placement?.node_selector ?? {});
  return (
    <Facts
      facts={[
        ["Batch size", count(settings.batch_size)],
        ["fit", fit === undefined ? undefined : <Code key="fit">{fitText(fit)}</Code>],
        [
          "evaluate",
          <Code key="evaluate">{evaluate?.steps ? `steps=${evaluate.steps}` : "all of the test part"}</Code>,
        ],
        ["Confusion matrix", settings.confusion_matrix ? "Yes, for classifiers" : "No"],
        ["Bad messages", settings.on_bad_message === "skip" ? "Are counted and left out" : "End the training"],
        ["Memory", `${count(settings.memory_mb)} MiB`],
        ["Time limit", duration(settings.timeout_seconds)],
        ["Framework", placement?.framework],
        ["Processors", placement?.cpus ? count(placement.cpus) : undefined],
        ["Graphics processors", placement?.gpus ? count(placement.gpus) : undefined],
        ["Node labels", labels.length > 0 ? labels.map(([name, value]) => `${name}=${value}`).join(", ") : undefined],
        ["Service account", placement?.service_account ?? undefined],
        ["Deployed", <Ago key="deployed" time={deployment.created_at} />],
        ["Ended", deployment.ended_at === null ? undefined : <Ago key="ended" time={deployment.ended_at} />],
      ]}
    />
  );
}

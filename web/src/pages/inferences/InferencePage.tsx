import { Stack, Tabs, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { type Items, itemOf } from "@/api/resources";
import { DiagnosisNotice } from "@/components/Diagnosis";
import { EventList } from "@/components/events";
import { FailureNotice } from "@/components/FailureNotice";
import { LogView } from "@/components/LogView";
import { LinkAnchor } from "@/components/links";
import { MessageBrowser } from "@/components/messages";
import { PageHeader } from "@/components/PageHeader";
import { StateBadge } from "@/components/StateBadge";
import { Loaded } from "@/components/states";
import { isGoing, stateOf } from "./actions";
import { InferenceActions } from "./InferenceActions";
import { LiveTab } from "./live/LiveTab";
import { SetupTab } from "./SetupTab";

const TABS = ["live", "messages", "setup", "log", "events"] as const;
const NAMES: Record<(typeof TABS)[number], string> = {
  live: "Live",
  messages: "Messages",
  setup: "Setup",
  log: "Log",
  events: "Events",
};

export function InferencePage() {
  const { id } = useParams({ from: "/inferences/$id" });
  const inference = useQuery(itemOf("inferences", id));
  return (
    <Loaded query={inference} failure="The inference can't be shown">
      {(data) => <Inference key={id} inference={data} />}
    </Loaded>
  );
}

function Inference({ inference }: { inference: Items["inferences"] }) {
  const search = useSearch({ from: "/inferences/$id" });
  const navigate = useNavigate({ from: "/inferences/$id" });
  const tab = TABS.find((name) => name === search.tab) ?? "live";
  const { id } = inference;
  return (
    <>
      <PageHeader
        title={inference.model_name}
        parent={{ label: "Inference", to: "/inferences" }}
        badge={<StateBadge state={stateOf(inference)} size="lg" />}
        description={
          <>
            Inference {id} with{" "}
            <LinkAnchor to="/results/$id" params={{ id: inference.result_id }}>
              result {inference.result_id}
            </LinkAnchor>
            , version {inference.model_version} of{" "}
            <LinkAnchor to="/models/$id" params={{ id: inference.model_id }}>
              the model
            </LinkAnchor>
            : from{" "}
            <LinkAnchor to="/topics/$name" params={{ name: inference.input_topic }}>
              {inference.input_topic}
            </LinkAnchor>{" "}
            to{" "}
            <LinkAnchor to="/topics/$name" params={{ name: inference.output_topic }}>
              {inference.output_topic}
            </LinkAnchor>
            {inference.description !== "" && <Text mt={4}>{inference.description}</Text>}
          </>
        }
        actions={<InferenceActions inference={inference} />}
      />
      <Stack gap="md">
        <DiagnosisNotice resource="inferences" id={id} />
        {isExplained(inference.failure) && (
          <FailureNotice failure={inference.failure} waiting={inference.state !== "failed"} />
        )}
        <Tabs
          value={tab}
          onChange={(next) =>
            void navigate({
              search: next === null || next === "live" ? {} : { tab: next },
              replace: true,
              resetScroll: false,
            })
          }
          keepMounted={false}
        >
          <Tabs.List mb="md" style={{ flexWrap: "nowrap", overflowX: "auto" }}>
            {TABS.map((name) => (
              <Tabs.Tab key={name} value={name}>
                {NAMES[name]}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          <Tabs.Panel value="live">
            <LiveTab inference={inference} />
          </Tabs.Panel>
          <Tabs.Panel value="messages">
            <Messages inference={inference} />
          </Tabs.Panel>
          <Tabs.Panel value="setup">
            <SetupTab inference={inference} />
          </Tabs.Panel>
          <Tabs.Panel value="log">
            <LogView
              source={`/api/v1/inferences/${id}/log`}
              running={isGoing(inference)}
              replicas={Math.max(1, inference.replicas)}
            />
          </Tabs.Panel>
          <Tabs.Panel value="events">
            <EventList subject={`inferences/${id}`} />
          </Tabs.Panel>
        </Tabs>
      </Stack>
    </>
  );
}

/** Whether there is more to a failure than the sentence that the diagnosis has already. */
function isExplained(failure: Items["inferences"]["failure"]): failure is NonNullable<typeof failure> {
  return Boolean(failure?.traceback) || Boolean(failure?.log);
}

/** What came in, and what went out. */
function Messages({ inference }: { inference: Items["inferences"] }) {
  const search = useSearch({ from: "/inferences/$id" });
  const navigate = useNavigate({ from: "/inferences/$id" });
  const isOutput = search.part === "output";
  const topic = isOutput ? inference.output_topic : inference.input_topic;
  return (
    <Tabs
      variant="pills"
      value={isOutput ? "output" : "input"}
      onChange={(part) =>
        void navigate({
          search: part === "output" ? { tab: "messages", part } : { tab: "messages" },
          replace: true,
          resetScroll: false,
        })
      }
    >
      <Tabs.List mb="md" aria-label="Topic">
        <Tabs.Tab value="input">Input: {inference.input_topic}</Tabs.Tab>
        <Tabs.Tab value="output">Output: {inference.output_topic}</Tabs.Tab>
      </Tabs.List>
      <Tabs.Panel value={isOutput ? "output" : "input"}>
        <MessageBrowser key={topic} topic={topic} decoding={isOutput ? {} : { inference_id: inference.id }} />
      </Tabs.Panel>
    </Tabs>
  );
}

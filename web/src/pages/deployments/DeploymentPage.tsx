import { Anchor, Stack, Tabs } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { itemOf, type Views } from "@/api/resources";
import { DiagnosisNotice } from "@/components/Diagnosis";
import { FailureNotice } from "@/components/FailureNotice";
import { plural } from "@/components/formats";
import { PageHeader } from "@/components/PageHeader";
import { Section } from "@/components/Section";
import { StateBadge } from "@/components/StateBadge";
import { Loaded } from "@/components/states";
import { AwaitingStream } from "./AwaitingStream";
import { DeploymentActions } from "./DeploymentActions";
import { DeploymentFacts } from "./DeploymentFacts";
import { Training } from "./Training";
import { kept, type TrainingSearch } from "./view";

const TABS = ["training", "stream", "settings"] as const;
const NAMES = { training: "Training", stream: "Stream", settings: "Settings" } as const;

export function DeploymentPage() {
  const { id } = useParams({ from: "/deployments/$id" });
  const deployment = useQuery(itemOf("deployments", id));
  return (
    <Loaded query={deployment} failure="The deployment can't be shown">
      {(data) => <Deployment deployment={data} />}
    </Loaded>
  );
}

function Deployment({ deployment }: { deployment: Views["deployments"] }) {
  const search = useSearch({ from: "/deployments/$id" });
  const navigate = useNavigate({ from: "/deployments/$id" });
  const isAwaiting = deployment.state === "awaiting";
  const tab = TABS.find((name) => name === search.tab) ?? (isAwaiting ? "stream" : "training");
  const setSearch = (next: TrainingSearch) =>
    void navigate({ search: (before) => kept({ ...before, ...next }), replace: true, resetScroll: false });
  return (
    <>
      <PageHeader
        title={deployment.configuration_name}
        parent={{ label: "Deployments", to: "/deployments" }}
        badge={<StateBadge state={deployment.state} size="lg" />}
        description={
          <>
            Deployment {deployment.id} of{" "}
            <Anchor component={Link} to={`/configurations/${deployment.configuration_id}`}>
              configuration {deployment.configuration_id}
            </Anchor>
            , {plural(deployment.results.length, "model")}
            {deployment.description && `. ${deployment.description}`}
          </>
        }
        actions={<DeploymentActions deployment={deployment} />}
      />
      <Stack gap="md">
        {(isAwaiting || deployment.state === "running") && (
          <DiagnosisNotice resource="deployments" id={deployment.id} />
        )}
        {deployment.failure !== null && (
          <FailureNotice
            failure={deployment.failure}
            waiting={isAwaiting}
            title={isAwaiting ? "The last stream was refused" : "It failed"}
          />
        )}
        <Tabs value={tab} onChange={(next) => setSearch({ tab: next ?? undefined })} keepMounted={false}>
          <Tabs.List mb="md">
            {TABS.map((name) => (
              <Tabs.Tab key={name} value={name}>
                {NAMES[name]}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          <Tabs.Panel value="training">
            <Training deployment={deployment} search={search} onSearch={setSearch} />
          </Tabs.Panel>
          <Tabs.Panel value="stream">
            <AwaitingStream deployment={deployment} />
          </Tabs.Panel>
          <Tabs.Panel value="settings">
            <Section title="Settings">
              <DeploymentFacts deployment={deployment} />
            </Section>
          </Tabs.Panel>
        </Tabs>
      </Stack>
    </>
  );
}

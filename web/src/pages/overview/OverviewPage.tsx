import { Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { RecentEvents } from "@/components/events";
import { HealthBadge, PlatformHealth } from "@/components/health";
import { LinkAnchor } from "@/components/links";
import { PageHeader } from "@/components/PageHeader";
import { Section } from "@/components/Section";
import { Loaded } from "@/components/states";
import { EVENT_KINDS } from "@/pages/events/sentences";
import { Checklist } from "./Checklist";
import { Counts } from "./Counts";
import classes from "./overview.module.css";
import { Predicting } from "./Predicting";
import { Running } from "./Running";
import { Troubles } from "./Troubles";
import { OVERVIEW } from "./useOverview";

/** Those that say something new by themselves: no epochs and progress, which stand in the lists above, and no drafts. */
const NOISE = new Set([
  "kafka-ml.training.epoch",
  "kafka-ml.inference.progress",
  "kafka-ml.draft.checked",
  "kafka-ml.resource.changed",
  "kafka-ml.workload.status",
]);
const NEWS = Object.keys(EVENT_KINDS).filter((type) => !NOISE.has(type));

export function OverviewPage() {
  const overview = useQuery(OVERVIEW);
  return (
    <>
      <PageHeader
        title="Overview"
        badge={<HealthBadge />}
        description="What runs, how far it is, and what failed and why."
      />
      <Stack gap="md">
        {overview.data !== undefined && <Checklist overview={overview.data} />}
        {overview.data !== undefined && <Counts overview={overview.data} />}
        <div className={classes.page}>
          <div className={classes.main}>
            <Loaded query={overview} failure="What runs can't be shown">
              {(data) => (
                <Stack gap="md">
                  <Running overview={data} />
                  <Predicting overview={data} />
                  <Troubles troubles={data.troubles} />
                </Stack>
              )}
            </Loaded>
          </div>
          <Stack gap="md" className={classes.side ?? ""}>
            <PlatformHealth />
            <Section
              title="What is new"
              actions={
                <LinkAnchor to="/events" size="sm">
                  All events
                </LinkAnchor>
              }
            >
              <RecentEvents types={NEWS} />
            </Section>
          </Stack>
        </div>
      </Stack>
    </>
  );
}

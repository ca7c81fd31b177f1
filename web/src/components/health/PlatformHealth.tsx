import { ActionIcon, Group, Loader, Stack, Text, Tooltip } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck, IconRefresh } from "@tabler/icons-react";
import type { Schemas } from "@/api/client";
import { plural } from "@/components/formats";
import { Section } from "@/components/Section";
import { ErrorNotice, Loading } from "@/components/states";
import { Ago } from "@/components/time";
import classes from "./health.module.css";
import { isInner, wordsOf } from "./parts";
import { useAbout } from "./useAbout";

/** How the platform's parts are, and what it means when one is not well. */
export function PlatformHealth() {
  const about = useAbout();
  return (
    <Section
      id="health"
      title="Health"
      actions={
        <Group gap={6}>
          {about.dataUpdatedAt > 0 && (
            <Text size="xs" className="quiet">
              <Ago time={new Date(about.dataUpdatedAt).toISOString()} />
            </Text>
          )}
          <Tooltip label="Ask again">
            <ActionIcon variant="subtle" color="gray" aria-label="Ask again" onClick={() => void about.refetch()}>
              {about.isFetching ? <Loader size={14} /> : <IconRefresh size={16} />}
            </ActionIcon>
          </Tooltip>
        </Group>
      }
    >
      {about.error !== null ? (
        <ErrorNotice
          error={about.error}
          title="How the parts are can't be found out"
          onRetry={() => void about.refetch()}
        />
      ) : about.data === undefined ? (
        <Loading rows={2} />
      ) : (
        <Parts about={about.data} />
      )}
    </Section>
  );
}

function Parts({ about }: { about: Schemas["About"] }) {
  const ill = about.checks.filter(({ healthy }) => !healthy);
  const well = about.checks.filter(({ healthy, name }) => healthy && !isInner(name));
  return (
    <Stack gap="sm">
      <Text size="sm" fw={550} role="status">
        {ill.length === 0 ? "All parts are well." : `${plural(ill.length, "part is", "parts are")} not well.`}
      </Text>
      <ul className={classes.parts}>
        {[...ill, ...well].map((check) => (
          <Part key={check.name} check={check} />
        ))}
      </ul>
      <Text size="xs" className="quiet">
        Version {about.version}. Kafka at {about.bootstrap_servers}.
      </Text>
    </Stack>
  );
}

function Part({ check: { name, healthy, detail } }: { check: Schemas["Check"] }) {
  const { label, meaning } = wordsOf(name);
  const Sign = healthy ? IconCircleCheck : IconAlertTriangle;
  return (
    <li className={classes.part} data-healthy={healthy}>
      <Sign size={17} aria-hidden className={classes.sign} />
      <div>
        <Group gap={6} justify="space-between">
          <Text span size="sm">
            {label}
          </Text>
          <Text span size="xs" className="quiet">
            {healthy ? "well" : "not well"}
          </Text>
        </Group>
        {!healthy && (
          <Text size="xs">
            {detail} {meaning}
          </Text>
        )}
      </div>
    </li>
  );
}

import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { Schemas } from "@/api/client";
import type { Items } from "@/api/resources";
import { count, plural } from "@/components/formats";
import { LinkAnchor } from "@/components/links";
import { Section } from "@/components/Section";
import { ErrorNotice, Loading } from "@/components/states";
import { EpochProgress } from "@/pages/results/EpochProgress";
import classes from "./overview.module.css";
import { secondsLeft } from "./steps";
import { inState } from "./useOverview";

/** The trainings that run, and how far each is. */
export function Running({ overview }: { overview: Schemas["Overview"] }) {
  const running = useQuery(inState("results", "running"));
  const items = running.data?.items ?? [];
  const total = overview.results.running ?? 0;
  const waiting = (overview.results.pending ?? 0) + (overview.results.awaiting ?? 0);
  return (
    <Section
      title="Trainings"
      actions={
        <LinkAnchor to="/results" search={{ state: "running" }} size="sm">
          {total > items.length ? `All ${count(total)} that run` : "All results"}
        </LinkAnchor>
      }
    >
      {running.error !== null && items.length === 0 ? (
        <ErrorNotice
          error={running.error}
          title="The trainings can't be shown"
          onRetry={() => void running.refetch()}
        />
      ) : running.data === undefined ? (
        <Loading rows={2} />
      ) : (
        <>
          {items.length > 0 && (
            <ul className={classes.lines}>
              {items.map((result) => (
                <Training key={result.id} result={result} />
              ))}
            </ul>
          )}
          <Text size="sm" className="quiet">
            {items.length === 0 && "No training runs just now. "}
            {waiting > 0 && `${plural(waiting, "training waits", "trainings wait")} for a stream or to be started.`}
          </Text>
        </>
      )}
    </Section>
  );
}

function Training({ result }: { result: Items["results"] }) {
  return (
    <li className={classes.training}>
      <div className={classes.name}>
        <LinkAnchor to="/results/$id" params={{ id: result.id }} size="sm" fw={550}>
          {result.model_name}
        </LinkAnchor>
        <Text size="xs" className="quiet">
          Result {result.id} of{" "}
          <LinkAnchor to="/deployments/$id" params={{ id: result.deployment_id }} size="xs">
            deployment {result.deployment_id}
          </LinkAnchor>
        </Text>
      </div>
      <EpochProgress
        state={result.state}
        epochs={result.epochs}
        done={result.epochs_done}
        left={secondsLeft(result)}
        label={result.model_name}
      />
    </li>
  );
}

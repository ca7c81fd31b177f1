import { Button, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { listOf } from "@/api/resources";
import { LinkAnchor } from "@/components/links";
import { StateBadge } from "@/components/StateBadge";
import { ErrorNotice, Loading } from "@/components/states";
import { Ago } from "@/components/time";
import classes from "./datasources.module.css";

/** The deployments that were trained on a data source. */
export function UsedBy({ id }: { id: number }) {
  const query = useInfiniteQuery(listOf("deployments", { datasource_id: id }));
  if (query.data === undefined) {
    if (query.error !== null) return <ErrorNotice error={query.error} title="The deployments can't be shown" />;
    return <Loading rows={2} />;
  }
  const deployments = query.data.pages.flatMap((page) => page.items);
  if (deployments.length === 0)
    return (
      <Text size="sm" className="quiet">
        No deployment has used it.
      </Text>
    );
  return (
    <>
      <ul className={classes.lines}>
        {deployments.map((deployment) => (
          <li key={deployment.id}>
            <LinkAnchor to="/deployments/$id" params={{ id: deployment.id }} size="sm">
              Deployment {deployment.id}, {deployment.configuration_name}
            </LinkAnchor>
            <StateBadge state={deployment.state} size="sm" />
            <Text span size="xs" className="quiet">
              <Ago time={deployment.created_at} />
            </Text>
          </li>
        ))}
      </ul>
      {query.hasNextPage && (
        <Button variant="default" size="xs" onClick={() => void query.fetchNextPage()}>
          Show more
        </Button>
      )}
    </>
  );
}

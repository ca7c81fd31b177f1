import { useQueryClient } from "@tanstack/react-query";
import { api, getJson, unwrap } from "@/api/client";
import { type Items, keys, type Page } from "@/api/resources";
import { forEach, tellFailure } from "@/components/actions";
import { type Dependent, useConfirm } from "@/components/confirm";
import { plural } from "@/components/formats";

type Configuration = Pick<Items["configurations"], "id" | "name">;

async function deploymentsOf(configurations: readonly Configuration[]): Promise<Dependent[]> {
  const pages = await Promise.all(
    configurations.map(({ id }) =>
      getJson<Page<Items["deployments"]>>("/api/v1/deployments", { configuration_id: id, limit: 100 }),
    ),
  );
  return pages
    .flatMap(({ items }) => items)
    .map(({ id, configuration_name, state }) => ({
      label: `Deployment ${id} of ${configuration_name} (${state})`,
      href: `/deployments/${id}`,
    }));
}

/** Deletes configurations after asking; whether all are gone. */
export function useDeleteConfigurations(): (configurations: readonly Configuration[]) => Promise<boolean> {
  const confirm = useConfirm();
  const queries = useQueryClient();
  return async (configurations) => {
    const [first] = configurations;
    if (first === undefined) return false;
    const isOne = configurations.length === 1;
    const yes = await confirm({
      title: isOne
        ? `Delete the configuration ${first.name}?`
        : `Delete ${plural(configurations.length, "configuration")}?`,
      text: `Its models stay. That can't be taken back.${isOne ? "" : " Configurations with deployments stay."}`,
      action: "Delete",
      dependents: () => deploymentsOf(configurations),
      dependentsText: isOne ? "Delete these deployments first:" : "Some of them have these deployments, and stay:",
      blocked: isOne,
    });
    if (!yes) return false;
    const { done, failures } = await forEach(configurations, ({ id }) =>
      unwrap(api.DELETE("/api/v1/configurations/{id}", { params: { path: { id } } })),
    );
    if (done > 0) void queries.invalidateQueries({ queryKey: keys.lists("configurations") });
    if (failures.length > 0) {
      tellFailure(`${plural(failures.length, "configuration")} could not be deleted`, failures[0]);
    }
    return failures.length === 0;
  };
}

import type { QueryClient } from "@tanstack/react-query";
import { createRootRouteWithContext, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { searchOf } from "@/api/client";
import { NotFound } from "./NotFound";
import { Shell } from "./Shell";
import { Unexpected } from "./Unexpected";

interface Context {
  queries: QueryClient;
}

const root = createRootRouteWithContext<Context>()({
  component: Shell,
  notFoundComponent: NotFound,
  errorComponent: Unexpected,
});

/** Search parameters of a list: how it is filtered and sorted. Kept in the address, so that it can be shared. */
export interface ListSearch {
  q?: string;
  state?: string;
  sort?: string;
}

/** The parameters of an address that are text, by these names; whatever else is there is left out. */
export function textSearch<const N extends string>(...names: readonly N[]) {
  return (search: Record<string, unknown>): { [K in N]?: string } => {
    const found: { [K in N]?: string } = {};
    for (const name of names) {
      const value = search[name];
      if (typeof value === "string" || typeof value === "number") found[name] = String(value);
    }
    return found;
  };
}

/** An id in a path; not a number at all where it is none, so that the page says that there is no such thing. */
const withId = {
  params: {
    parse: ({ id }: { id: string }) => ({ id: /^\d+$/.test(id) ? Number(id) : Number.NaN }),
    stringify: ({ id }: { id: number }) => ({ id: String(id) }),
  },
};

const list = textSearch("q", "state", "sort");
const at = () => root;

const routes = [
  createRoute({
    getParentRoute: at,
    path: "/",
    component: lazyRouteComponent(() => import("@/pages/overview/OverviewPage"), "OverviewPage"),
  }),

  createRoute({
    getParentRoute: at,
    path: "/models",
    validateSearch: list,
    component: lazyRouteComponent(() => import("@/pages/models/ModelsPage"), "ModelsPage"),
  }),
  createRoute({
    getParentRoute: at,
    path: "/models/new",
    validateSearch: textSearch("from"),
    component: lazyRouteComponent(() => import("@/pages/models/NewModelPage"), "NewModelPage"),
  }),
  createRoute({
    getParentRoute: at,
    path: "/models/$id",
    ...withId,
    validateSearch: textSearch("tab", "left", "right"),
    component: lazyRouteComponent(() => import("@/pages/models/ModelPage"), "ModelPage"),
  }),

  createRoute({
    getParentRoute: at,
    path: "/configurations",
    validateSearch: list,
    component: lazyRouteComponent(() => import("@/pages/configurations/ConfigurationsPage"), "ConfigurationsPage"),
  }),
  createRoute({
    getParentRoute: at,
    path: "/configurations/new",
    validateSearch: textSearch("models", "from"),
    component: lazyRouteComponent(() => import("@/pages/configurations/NewConfigurationPage"), "NewConfigurationPage"),
  }),
  createRoute({
    getParentRoute: at,
    path: "/configurations/$id",
    ...withId,
    component: lazyRouteComponent(() => import("@/pages/configurations/ConfigurationPage"), "ConfigurationPage"),
  }),

  createRoute({
    getParentRoute: at,
    path: "/deployments",
    validateSearch: list,
    component: lazyRouteComponent(() => import("@/pages/deployments/DeploymentsPage"), "DeploymentsPage"),
  }),
  createRoute({
    getParentRoute: at,
    path: "/deployments/new",
    validateSearch: textSearch("configuration", "from", "datasource"),
    component: lazyRouteComponent(() => import("@/pages/deployments/NewDeploymentPage"), "NewDeploymentPage"),
  }),
  createRoute({
    getParentRoute: at,
    path: "/deployments/$id",
    ...withId,
    validateSearch: textSearch("tab", "metric", "smooth", "axis", "scale", "show", "by", "at", "sort", "hide", "only"),
    component: lazyRouteComponent(() => import("@/pages/deployments/DeploymentPage"), "DeploymentPage"),
  }),

  createRoute({
    getParentRoute: at,
    path: "/datasources",
    validateSearch: list,
    component: lazyRouteComponent(() => import("@/pages/datasources/DatasourcesPage"), "DatasourcesPage"),
  }),
  createRoute({
    getParentRoute: at,
    path: "/datasources/$id",
    ...withId,
    component: lazyRouteComponent(() => import("@/pages/datasources/DatasourcePage"), "DatasourcePage"),
  }),

  createRoute({
    getParentRoute: at,
    path: "/results",
    validateSearch: list,
    component: lazyRouteComponent(() => import("@/pages/results/ResultsPage"), "ResultsPage"),
  }),
  createRoute({
    getParentRoute: at,
    path: "/results/$id",
    ...withId,
    validateSearch: textSearch("tab", "metric", "smooth", "axis", "scale", "show"),
    component: lazyRouteComponent(() => import("@/pages/results/ResultPage"), "ResultPage"),
  }),

  createRoute({
    getParentRoute: at,
    path: "/inferences",
    validateSearch: list,
    component: lazyRouteComponent(() => import("@/pages/inferences/InferencesPage"), "InferencesPage"),
  }),
  createRoute({
    getParentRoute: at,
    path: "/inferences/new",
    validateSearch: textSearch("result"),
    component: lazyRouteComponent(() => import("@/pages/inferences/NewInferencePage"), "NewInferencePage"),
  }),
  createRoute({
    getParentRoute: at,
    path: "/inferences/$id",
    ...withId,
    validateSearch: textSearch("tab", "replica", "part"),
    component: lazyRouteComponent(() => import("@/pages/inferences/InferencePage"), "InferencePage"),
  }),

  createRoute({
    getParentRoute: at,
    path: "/topics",
    validateSearch: list,
    component: lazyRouteComponent(() => import("@/pages/topics/TopicsPage"), "TopicsPage"),
  }),
  createRoute({
    getParentRoute: at,
    path: "/topics/$name",
    validateSearch: textSearch("tab", "partition", "offset", "time", "view", "datasource", "inference"),
    component: lazyRouteComponent(() => import("@/pages/topics/TopicPage"), "TopicPage"),
  }),

  createRoute({
    getParentRoute: at,
    path: "/dead-letters",
    validateSearch: textSearch("topic", "service", "letter"),
    component: lazyRouteComponent(() => import("@/pages/dead-letters/DeadLettersPage"), "DeadLettersPage"),
  }),
  createRoute({
    getParentRoute: at,
    path: "/events",
    validateSearch: textSearch("type", "subject"),
    component: lazyRouteComponent(() => import("@/pages/events/EventsPage"), "EventsPage"),
  }),
] as const;

export const router = createRouter({
  routeTree: root.addChildren(routes),
  context: { queries: undefined as unknown as QueryClient },
  defaultPreload: "intent",
  scrollRestoration: true,
  // All parameters are text: without the quotes that the router would put around what looks like a number.
  parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
  stringifySearch: searchOf,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

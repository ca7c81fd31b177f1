import { useQueries } from "@tanstack/react-query";
import { type Items, itemOf } from "@/api/resources";
import { metric } from "@/components/formats";
import { TwoLines } from "@/components/ListPage";
import { headline, isBetter } from "@/pages/results/compare";

const MOST = 20;

/** The best metric that any model of a deployment has reached so far. */
export function BestMetric({ deployment }: { deployment: Items["deployments"] }) {
  const begun = deployment.results.filter(({ epochs_done }) => epochs_done > 0).slice(0, MOST);
  const results = useQueries({ queries: begun.map(({ id }) => itemOf("results", id)) });
  let best: { name: string; value: number; model: string } | null = null;
  for (const { data } of results) {
    const found = data === undefined ? null : headline(data);
    if (data === undefined || found === null) continue;
    const name = found.part === "validation" ? `val_${found.name}` : found.name;
    if (best === null || (best.name === name && isBetter(name, found.value, best.value))) {
      best = { name, value: found.value, model: data.model_name };
    }
  }
  if (best === null) return <span className="quiet">–</span>;
  return (
    <div className="numeric" title={`${best.name} of ${best.model}`}>
      <TwoLines first={metric(best.value)} second={best.name} />
    </div>
  );
}

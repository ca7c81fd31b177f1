import { useState } from "react";
import type { Items } from "@/api/resources";
import { rate } from "@/components/formats";
import { useNow } from "@/components/time";
import { isGoing } from "./actions";
import { type Moment, rateNow } from "./progress";

/** How many predictions an inference makes a second at this moment. */
export function RateNow({ inference, moment }: { inference: Items["inferences"]; moment: Moment | undefined }) {
  const now = useNow();
  const [since] = useState(() => Date.now() / 1000);
  if (!isGoing(inference)) return <>–</>;
  return <span className="numeric">{rate(rateNow(inference.rate, moment, since, now / 1000))}</span>;
}

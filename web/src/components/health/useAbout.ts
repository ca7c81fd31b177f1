import { queryOptions, useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { getJson, type Schemas } from "@/api/client";
import { useLine } from "@/api/useLive";

export const ABOUT = queryOptions({
  queryKey: ["about"],
  queryFn: ({ signal }) => getJson<Schemas["About"]>("/api/v1/about", {}, signal),
});

/** How the platform's parts are: asked anew when one comes back to the page, and when the line to the server changes. */
export function useAbout() {
  const line = useLine();
  const about = useQuery({ ...ABOUT, refetchOnWindowFocus: "always", staleTime: 5000 });
  const { refetch } = about;
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked whenever the line's state changes
  useEffect(() => void refetch(), [line]);
  return about;
}

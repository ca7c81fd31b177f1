import type { Decoding, DecodingChoice, Place } from "@/components/messages";
import type { RibbonData } from "@/components/ribbon";

/** The search parameters of a topic's page. */
export interface TopicSearch {
  partition?: string;
  offset?: string;
  time?: string;
  view?: string;
  datasource?: string;
  inference?: string;
}

/** Where in the topic an address leads; what is no place is left out. */
export function placeOf({ partition, offset, time }: TopicSearch): Place {
  const found: Place = {};
  const place = numberOf(partition);
  if (place !== undefined) found.partition = place;
  const from = numberOf(offset);
  if (place !== undefined && from !== undefined) found.offset = from;
  else if (time !== undefined && !Number.isNaN(new Date(time).getTime())) found.time = time;
  return found;
}

/** As what messages of a topic can be decoded: as each data source that names it, and each inference that reads it. */
export function choicesOf({ ranges, inferences }: Pick<RibbonData, "ranges" | "inferences">): DecodingChoice[] {
  const sources = [...new Set(ranges.map(({ datasource_id }) => datasource_id))];
  const readers = [...new Set(inferences.map(({ inference_id }) => inference_id))];
  return [
    ...sources.map((id) => ({ label: `Data source ${id}`, decoding: { datasource_id: id } })),
    ...readers.map((id) => ({ label: `Input of inference ${id}`, decoding: { inference_id: id } })),
  ];
}

/** What the address asks for, else the first choice; `datasource=none` asks for nothing. */
export function decodingOf({ datasource, inference }: TopicSearch, choices: readonly DecodingChoice[]): Decoding {
  const source = numberOf(datasource);
  if (source !== undefined) return { datasource_id: source };
  const reader = numberOf(inference);
  if (reader !== undefined) return { inference_id: reader };
  return datasource === "none" ? {} : (choices[0]?.decoding ?? {});
}

/** Parameters without those that are not set, so that they do not show in the address. */
export function addressOf(search: { [K in keyof TopicSearch]?: TopicSearch[K] | undefined }): TopicSearch {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined)) as TopicSearch;
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

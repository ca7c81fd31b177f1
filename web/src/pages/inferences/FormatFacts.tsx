import { Code } from "@mantine/core";
import { Facts } from "@/components/Facts";
import type { Format } from "./settings";

const NAMES: Readonly<Record<string, string>> = {
  data_type: "Type of values",
  data_reshape: "Shape",
  label_type: "Type of labels",
  label_reshape: "Shape of labels",
  data_scheme: "Schema",
  label_scheme: "Schema of labels",
};

/** How samples are encoded, in words. */
export function FormatFacts({ format, config }: { format: Format; config: Readonly<Record<string, unknown>> }) {
  return (
    <Facts
      facts={[
        ["Format", format],
        ...Object.entries(config).map(
          ([name, value]) => [NAMES[name] ?? name, <Value key={name} value={value} />] as const,
        ),
      ]}
    />
  );
}

function Value({ value }: { value: unknown }) {
  if (value === null || value === "") return <span className="quiet">–</span>;
  const isNested = typeof value === "object" || (typeof value === "string" && /^[[{]/.test(value));
  if (!isNested) return <>{String(value)}</>;
  return (
    <Code block tabIndex={0} mah={220} style={{ overflow: "auto" }}>
      {typeof value === "string" ? value : JSON.stringify(value, null, 2)}
    </Code>
  );
}

import { Progress, Text } from "@mantine/core";
import type { Schemas } from "@/api/client";
import { count, NONE, percent } from "@/components/formats";
import { liveTopic } from "./ranges";
import { useRetention } from "./useRetention";

/** How much of a stream the log still has. */
export function Retained({ stream }: { stream: Schemas["ControlMessage"] }) {
  const found = useRetention(stream);
  if (liveTopic(stream) !== null) return <span className="quiet">as it grows</span>;
  if (found === null) return <span className="quiet">{NONE}</span>;
  return <Kept size={found.size} deleted={found.deleted} />;
}

export function Kept({ size, deleted }: { size: number; deleted: number }) {
  const kept = size === 0 ? 1 : (size - deleted) / size;
  const words = deleted === 0 ? "all" : kept === 0 ? "nothing" : percent(kept);
  return (
    <div>
      <Text span size="sm" className="numeric">
        {words}
      </Text>
      <Progress
        value={kept * 100}
        size={4}
        color={kept === 1 ? "teal" : kept === 0 ? "red" : "yellow"}
        aria-label={`${count(size - deleted)} of ${count(size)} offsets are still in the log`}
      />
    </div>
  );
}

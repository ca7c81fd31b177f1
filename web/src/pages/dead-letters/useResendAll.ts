import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { forEach, tellFailure } from "@/components/actions";
import { useConfirm } from "@/components/confirm";
import { count, plural } from "@/components/formats";
import { LETTERS, type Letter, resend } from "./letters";

/** Sends letters again as they were, after asking; whether some shall stay selected. */
export function useResendAll(): (letters: readonly Letter[]) => Promise<boolean> {
  const confirm = useConfirm();
  const queries = useQueryClient();
  return async (letters) => {
    const topics = [...new Set(letters.flatMap(({ origin }) => (origin === null ? [] : [origin.topic])))];
    const before = letters.filter(({ resent }) => resent > 0).length;
    const again = before === 0 ? "" : ` ${count(before)} of them ${before === 1 ? "was" : "were"} sent again before.`;
    const yes = await confirm({
      title: `Send ${plural(letters.length, "message")} again?`,
      text: `They are written as they were at the end of ${topics.join(", ")}, for all who read that.${again} What could not be processed for the same reason comes back here.`,
      action: "Send again",
    });
    if (!yes) return true;
    // The oldest first, so that they are in the order that they had.
    const { done, failures } = await forEach(letters.toReversed(), (letter) => resend(letter, null));
    void queries.invalidateQueries({ queryKey: LETTERS });
    if (done > 0) notifications.show({ message: `${plural(done, "message")} sent again.`, color: "teal" });
    if (failures.length > 0) tellFailure(`${plural(failures.length, "message")} could not be sent again`, failures[0]);
    return failures.length > 0;
  };
}

import { useBlocker } from "@tanstack/react-router";
import { useConfirm } from "./confirm";

/** Asks before a page is left on which something has been written and not saved. */
export function useUnsaved(unsaved: boolean, what: string): void {
  const confirm = useConfirm();
  useBlocker({
    disabled: !unsaved,
    enableBeforeUnload: unsaved,
    shouldBlockFn: async ({ current, next }) => {
      if (current.pathname === next.pathname) return false;
      const leave = await confirm({
        title: "Leave without saving?",
        text: `${what} has changes that are not saved. They are lost when you leave.`,
        action: "Leave",
      });
      return !leave;
    },
  });
}

import { Anchor, Badge } from "@mantine/core";
import type { Column } from "@/components/DataTable";
import { NONE } from "@/components/formats";
import { TwoLines } from "@/components/ListPage";
import { Ago } from "@/components/time";
import type { Letter } from "./letters";
import classes from "./letters.module.css";
import { nameOf, originText, sentText, serviceText } from "./words";

/** The columns of the letters; few while one of them is open beside the list. */
export function columnsOf(open: (name: string) => void, isNarrow: boolean): readonly Column<Letter>[] {
  const reason: Column<Letter> = {
    id: "reason",
    header: "Reason",
    width: "minmax(140px, 3fr)",
    cell: (letter) => (
      <TwoLines
        first={
          <Anchor
            component="button"
            type="button"
            c="inherit"
            fw={550}
            size="sm"
            truncate
            maw="100%"
            display="block"
            onClick={() => open(nameOf(letter))}
          >
            {letter.message}
          </Anchor>
        }
        second={originText(letter)}
      />
    ),
  };
  const sent: Column<Letter> = {
    id: "sent",
    header: "Sent again",
    width: "100px",
    hideBelow: "sm",
    cell: (letter) => <SentBadge letter={letter} />,
  };
  const time: Column<Letter> = {
    id: "time",
    header: "When",
    width: "84px",
    align: "right",
    cell: (letter) => <Ago time={letter.time} />,
  };
  if (isNarrow) return [reason, time];
  const service: Column<Letter> = {
    id: "service",
    header: "Given up by",
    width: "minmax(120px, 1fr)",
    hideBelow: "sm",
    cell: serviceText,
  };
  return [reason, service, sent, time];
}

function SentBadge({ letter }: { letter: Letter }) {
  if (letter.resent === 0) return <span className="quiet">{NONE}</span>;
  return (
    <Badge color="teal" variant="light" radius="sm" tt="none" size="sm" className={classes.sent ?? ""}>
      {sentText(letter)}
    </Badge>
  );
}

import { Text } from "@mantine/core";
import { ErrorNotice, Loading } from "@/components/states";
import { Ago } from "@/components/time";
import { sentenceOf } from "@/pages/events/sentences";
import { Subject } from "./EventRow";
import { EventSign } from "./EventSign";
import classes from "./events.module.css";
import { useEvents } from "./useEvents";

interface RecentEventsProps {
  types: readonly string[];
  most?: number;
}

/** The newest events of some types, each in a sentence. */
export function RecentEvents({ types, most = 10 }: RecentEventsProps) {
  const { history, rows } = useEvents({ types }, false, most);
  if (rows === undefined) {
    if (history.error !== null)
      return (
        <ErrorNotice error={history.error} title="The events can't be shown" onRetry={() => void history.refetch()} />
      );
    return <Loading rows={4} />;
  }
  if (rows.length === 0) return <Text className="quiet">Nothing has happened yet.</Text>;
  return (
    <ul className={classes.shortList} aria-label="The newest events">
      {rows.slice(0, most).map((event) => (
        <li key={event.sequence} className={classes.short}>
          <EventSign event={event} />
          <div className={classes.words}>
            {sentenceOf(event)}
            <div className={classes.below}>
              <Subject subject={event.subject} size="xs" />
              <Ago time={event.time} />
            </div>
          </div>
        </li>
      ))}
    </ul>
  );
}

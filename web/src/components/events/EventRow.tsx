import { ActionIcon, Box, Code, Tooltip } from "@mantine/core";
import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import type { LiveEvent } from "@/api/live";
import { dateTime } from "@/components/formats";
import { LinkAnchor } from "@/components/links";
import { Copy } from "@/components/Snippet";
import { Ago } from "@/components/time";
import { EVENT_KINDS, nameOf, pageOf, sentenceOf } from "@/pages/events/sentences";
import { EventSign } from "./EventSign";
import classes from "./events.module.css";

interface EventRowProps {
  event: LiveEvent;
  open: boolean;
  onToggle: () => void;
}

/** An event: its sentence, when it was, a link to what it is about, and on demand all of it. */
export function EventRow({ event, open, onToggle }: EventRowProps) {
  const Chevron = open ? IconChevronDown : IconChevronRight;
  const json = JSON.stringify(event, null, 2);
  return (
    <div className={classes.event}>
      <div className={classes.line}>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="sm"
          aria-expanded={open}
          aria-label={`${open ? "Hide" : "Show"} all of event ${event.sequence}`}
          onClick={onToggle}
        >
          <Chevron size={15} />
        </ActionIcon>
        <EventSign event={event} />
        <span className={classes.sentence}>{sentenceOf(event)}</span>
        <span className={classes.kind}>{EVENT_KINDS[event.type]?.label ?? event.type}</span>
        <span className={classes.subject}>
          <Subject subject={event.subject} />
        </span>
        <span className={classes.time}>
          <Ago time={event.time} />
        </span>
      </div>
      {open && (
        <Box className={classes.whole}>
          <div className={classes.copy}>
            <Copy text={json} label="Copy the event as JSON" />
          </div>
          <Code block tabIndex={0} aria-label={`Event ${event.sequence} of ${dateTime(event.time)} as JSON`}>
            {json}
          </Code>
        </Box>
      )}
    </div>
  );
}

/** A link to the page of what an event is about. */
export function Subject({ subject, size = "sm" }: { subject: string; size?: "xs" | "sm" }) {
  const page = pageOf(subject);
  if (page === null)
    return (
      <Tooltip label="It has no page.">
        <span className="quiet">{nameOf(subject)}</span>
      </Tooltip>
    );
  return (
    <LinkAnchor to={page} size={size}>
      {nameOf(subject)}
    </LinkAnchor>
  );
}

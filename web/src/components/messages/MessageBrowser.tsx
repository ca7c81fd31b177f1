import { Alert, Button, Drawer, Group, Paper, Text } from "@mantine/core";
import { IconInbox } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { getJson, type Schemas } from "@/api/client";
import { count, plural } from "@/components/formats";
import { EmptyState, ErrorNotice, Loading } from "@/components/states";
import { fieldsOf } from "./content";
import { MessageDetail } from "./MessageDetail";
import { MessageRows, type View } from "./MessageRows";
import { type DecodingChoice, MessageTools } from "./MessageTools";
import type { Decoding, Message, Place } from "./read";
import { useMessages } from "./useMessages";

interface MessageBrowserProps {
  topic: string;
  decoding?: Decoding;
  /** Where to look; kept here where no `onPlace` is told of changes. */
  place?: Place;
  onPlace?: (place: Place) => void;
  view?: string | undefined;
  onView?: (view: View) => void;
  /** As what else messages can be decoded; nothing to choose without. */
  choices?: readonly DecodingChoice[];
  onDecoding?: (decoding: Decoding) => void;
}

const NO_DECODING: Decoding = {};
const NEWEST: Place = {};

/** Looks into a topic: the newest messages, or those at an offset or a time, as they are and as what they mean. */
export function MessageBrowser(props: MessageBrowserProps) {
  const { topic, decoding = NO_DECODING, choices = [] } = props;
  const [ownPlace, setOwnPlace] = useState<Place>(NEWEST);
  const [ownView, setOwnView] = useState<View | undefined>(undefined);
  const [tail, setTail] = useState(false);
  const [below, setBelow] = useState(false);
  const [open, setOpen] = useState<Message | null>(null);
  const place = props.onPlace === undefined ? ownPlace : (props.place ?? NEWEST);
  const setPlace = (next: Place) => {
    setTail(false);
    (props.onPlace ?? setOwnPlace)(next);
  };

  const detail = useQuery({
    queryKey: ["topics", "detail", topic],
    queryFn: ({ signal }) => getJson<Schemas["TopicDetail"]>(`/api/v1/topics/${encodeURIComponent(topic)}`, {}, signal),
    staleTime: 0,
  });
  const partitions = detail.data?.partitions ?? [];
  const { base, messages, isNewest, atEnd, busy, failure, more } = useMessages({
    topic,
    place,
    decoding,
    tail: tail && !below,
  });

  const fields = useMemo(() => fieldsOf(messages ?? []), [messages]);
  const hasSamples = messages?.some(({ sample }) => sample !== null) ?? false;
  const views: readonly View[] = [
    ...(hasSamples ? (["sample"] as const) : []),
    ...(fields.length > 0 ? (["fields"] as const) : []),
    "raw",
  ];
  const wanted = props.onView === undefined ? ownView : props.view;
  const view = views.find((name) => name === wanted) ?? views[0] ?? "raw";
  const only = place.partition ?? (partitions.length === 1 ? partitions[0]?.partition : undefined);
  const first = messages?.[0];
  const isGone =
    place.offset !== undefined && first !== undefined && first.offset > place.offset && !isNewest && !atEnd.older
      ? `Offset ${count(place.offset)} has no message any more; the next one is shown.`
      : null;

  return (
    <Paper className="surface" component="section" aria-label={`Messages of ${topic}`}>
      <MessageTools
        key={JSON.stringify(place)}
        place={place}
        onPlace={setPlace}
        partitions={partitions.map(({ partition }) => partition)}
        views={views}
        view={view}
        onView={props.onView ?? setOwnView}
        tail={tail}
        onTail={(next) => {
          if (next && !isNewest) (props.onPlace ?? setOwnPlace)({ partition: place.partition });
          setTail(next);
        }}
        choices={choices}
        decoding={decoding}
        onDecoding={props.onDecoding}
        onAgain={() => {
          void base.refetch();
          void detail.refetch();
        }}
      />
      {isGone !== null && (
        <Alert color="yellow" variant="light" radius={0}>
          {isGone}
        </Alert>
      )}
      {failure !== null && <ErrorNotice error={failure} title="More can't be read just now" />}
      {base.error !== null && (
        <ErrorNotice error={base.error} title="The messages can't be shown" onRetry={() => void base.refetch()} />
      )}
      {messages === undefined ? (
        base.error === null && <Loading rows={6} />
      ) : messages.length === 0 ? (
        <EmptyState
          icon={IconInbox}
          title={isNewest ? "No messages" : "No messages from there on"}
          text={isNewest ? "The topic is empty, or retention has taken all." : "Later ones may come."}
        />
      ) : (
        <MessageRows
          messages={messages}
          view={view}
          fields={fields}
          open={open}
          onOpen={setOpen}
          onBelow={setBelow}
          busy={busy}
          {...(only === undefined
            ? {}
            : {
                ...(!atEnd.older ? { onOlder: () => void more("older", only) } : {}),
                ...(!isNewest ? { onNewer: () => void more("newer", only) } : {}),
              })}
          olderOnTop={!isNewest}
        />
      )}
      <Group px="md" py={8} justify="space-between" gap="xs">
        <Text size="xs" className="quiet" role="status">
          {said({ messages, isNewest, tail, below })}
        </Text>
        {only === undefined && partitions.length > 1 && (
          <Text size="xs" className="quiet">
            Choose one of {plural(partitions.length, "partition")} to read on.
          </Text>
        )}
        {!isNewest && (
          <Button size="compact-xs" variant="default" onClick={() => setPlace({ partition: place.partition })}>
            Go to the newest
          </Button>
        )}
      </Group>
      <Drawer
        opened={open !== null}
        onClose={() => setOpen(null)}
        position="right"
        size="lg"
        title={open === null ? "" : `Partition ${open.partition}, offset ${count(open.offset)}`}
      >
        {open !== null && <MessageDetail message={open} topic={topic} />}
      </Drawer>
    </Paper>
  );
}

function said({
  messages,
  isNewest,
  tail,
  below,
}: {
  messages: readonly Message[] | undefined;
  isNewest: boolean;
  tail: boolean;
  below: boolean;
}): string {
  if (messages === undefined) return "";
  const order = isNewest ? "the newest on top" : "in the log's order";
  const read = `${plural(messages.length, "message")}, ${order}`;
  if (!tail) return read;
  return below ? `${read}; held while you read further down` : `${read}; read again once a second`;
}

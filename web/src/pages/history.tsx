import { type HistoryEntry, PlayerService } from "@antiphon/proto/antiphon/player/v1/player";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { useInfiniteQuery } from "@connectrpc/connect-query";
import { usePlay } from "../playback/use-play.ts";
import { TrackList } from "../tracks/track-list.tsx";
import { PageHeader } from "../ui/page-header.tsx";
import { Section } from "../ui/section.tsx";
import { EmptyState, ErrorState, RowSkeletons } from "../ui/states.tsx";
import { useTitle } from "../ui/use-title.ts";
import { type Day, daysOf } from "./days.ts";
import { ForListeners } from "./for-listeners.tsx";

/** What the listener heard, latest first, day by day. */
export function HistoryPage() {
  useTitle("History");
  return (
    <ForListeners icon="history" title="What you heard is kept here">
      <History />
    </ForListeners>
  );
}

function History() {
  const { data, error, refetch, hasNextPage, isFetching, fetchNextPage } = useInfiniteQuery(
    PlayerService.method.listHistory,
    { pageSize: 100, pageToken: "" },
    {
      pageParamKey: "pageToken",
      getNextPageParam: (page) => page.nextPageToken || undefined,
      // What was played meanwhile shows when the listener comes back.
      staleTime: 0,
    },
  );
  if (error && !data) return <ErrorState error={error} onRetry={refetch} />;
  if (!data) return <RowSkeletons />;
  const entries = data.pages.flatMap((page) => page.entries);
  const days = daysOf(
    entries,
    ({ playedAt }) => (playedAt ? timestampDate(playedAt) : new Date(0)),
    new Date(),
  );
  return (
    <>
      <PageHeader kind="Yours" title="History" />
      {days.length === 0 && (
        <EmptyState icon="history" title="Nothing heard yet">
          <p>Play something, and it is here: today's music first.</p>
        </EmptyState>
      )}
      {days.map((day) => (
        <OneDay key={day.key} day={day} />
      ))}
      {hasNextPage && (
        <p className="more">
          <button type="button" className="button" disabled={isFetching} onClick={() => fetchNextPage()}>
            Earlier
          </button>
        </p>
      )}
    </>
  );
}

function OneDay({ day: { name, values } }: { day: Day<HistoryEntry> }) {
  const { play } = usePlay();
  const tracks = values.flatMap(({ track }) => track ?? []);
  return (
    <Section title={name}>
      <TrackList
        label={`Heard: ${name}`}
        entries={values.map(({ track, playedAt }, index) => ({
          key: `${playedAt?.seconds} ${index}`,
          // One that has left the catalog has an id and no name.
          track: track?.title ? track : undefined,
        }))}
        onPlay={(index) => play(tracks, index, "History")}
      />
    </Section>
  );
}

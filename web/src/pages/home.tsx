import {
  ShelfKind,
  type Shelf as ShelfMessage,
} from "@antiphon/proto/antiphon/recommendation/v1/recommendation";
import { Link } from "react-router";
import { usePlay } from "../playback/use-play.ts";
import { useSession } from "../session/use-session.ts";
import { TrackCard } from "../tracks/track-card.tsx";
import { TrackList } from "../tracks/track-list.tsx";
import { Section } from "../ui/section.tsx";
import { CardSkeletons, ErrorState } from "../ui/states.tsx";
import { useTitle } from "../ui/use-title.ts";
import { Browse } from "./browse.tsx";
import { useLiveHome } from "./use-live-home.ts";
import "./home.css";

/** The first page: a listener's shelves, or what Antiphon is. */
export function HomePage() {
  const session = useSession();
  useTitle(undefined);
  if (session.status === "unknown") return <CardSkeletons />;
  return session.status === "signed-in" ? (
    <ListenerHome name={session.listener.displayName} />
  ) : (
    <VisitorHome />
  );
}

function VisitorHome() {
  return (
    <>
      <header className="hero">
        <p className="eyebrow">Call and response</p>
        <h1>
          You play. <em>It answers.</em>
        </h1>
        <p>
          Antiphon listens along and has its answer ready: what goes with the song you just heard, before you
          have gone back to look. Without a gap between the songs.
        </p>
        <div className="page-actions">
          <Link to="/sign-up" className="button primary large">
            Create an account
          </Link>
          <Link to="/sign-in" className="button large">
            Sign in
          </Link>
        </div>
      </header>
      <Browse />
    </>
  );
}

function ListenerHome({ name }: { name: string }) {
  const { data, error, refetch } = useLiveHome();
  return (
    <>
      <header className="home-header">
        <h1>
          {greeting(new Date().getHours())}, {name}
        </h1>
      </header>
      {error && !data && <ErrorState error={error} onRetry={refetch} />}
      {!data && !error && <CardSkeletons />}
      <div data-testid="home" data-version={data?.version.toString()}>
        {data?.shelves.map((shelf) => (
          <Shelf key={`${shelf.kind} ${shelf.seed?.id ?? shelf.title}`} shelf={shelf} />
        ))}
        {data?.shelves.length === 0 && <Browse />}
      </div>
    </>
  );
}

function Shelf({ shelf }: { shelf: ShelfMessage }) {
  if (shelf.tracks.length === 0) return null;
  if (shelf.kind === ShelfKind.BECAUSE && shelf.seed) return <AnswerShelf shelf={shelf} />;
  if (shelf.kind === ShelfKind.POPULAR) return <RankedShelf shelf={shelf} />;
  return <CardShelf shelf={shelf} />;
}

/** What was heard is the call; what goes with it, the response. */
function AnswerShelf({ shelf }: { shelf: ShelfMessage }) {
  const { play } = usePlay();
  const { seed, tracks, title } = shelf;
  return (
    <Section title={title} className="answer">
      <div className="answer-row">
        {seed && (
          <div className="call">
            <p className="voice">Call</p>
            <div className="card-row">
              <TrackCard track={seed} onPlay={() => play([seed, ...tracks], 0, title)} />
            </div>
          </div>
        )}
        <div className="response">
          <p className="voice">Response</p>
          <div className="card-row">
            {tracks.map((track, index) => (
              <TrackCard key={track.id} track={track} onPlay={() => play(tracks, index, title)} />
            ))}
          </div>
        </div>
      </div>
    </Section>
  );
}

function RankedShelf({ shelf: { title, tracks } }: { shelf: ShelfMessage }) {
  const { play } = usePlay();
  return (
    <Section title={title} className="ranked">
      <TrackList
        label={title}
        entries={tracks.map((track) => ({ key: track.id, track }))}
        onPlay={(index) => play(tracks, index, title)}
      />
    </Section>
  );
}

function CardShelf({ shelf: { title, tracks } }: { shelf: ShelfMessage }) {
  const { play } = usePlay();
  return (
    <Section title={title}>
      <div className="card-row">
        {tracks.map((track, index) => (
          <TrackCard key={track.id} track={track} onPlay={() => play(tracks, index, title)} />
        ))}
      </div>
    </Section>
  );
}

function greeting(hour: number): string {
  if (hour < 5) return "Still up";
  if (hour < 12) return "Good morning";
  return hour < 18 ? "Good afternoon" : "Good evening";
}

import type { Track } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { useLike } from "../library/likes.tsx";
import { Icon } from "../ui/icons.tsx";

/** Likes and unlikes a track. */
export function LikeButton({ track }: { track: Track }) {
  const { liked, toggle } = useLike(track);
  return (
    <button
      type="button"
      className="icon-button like-button"
      aria-pressed={liked}
      aria-label={`Like ${track.title}`}
      data-testid="like-button"
      onClick={toggle}
    >
      <Icon name={liked ? "heartFull" : "heart"} />
    </button>
  );
}

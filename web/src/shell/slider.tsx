import { type ChangeEvent, type CSSProperties, type KeyboardEvent, useState } from "react";
import "./slider.css";

interface SliderProps {
  readonly label: string;
  readonly value: number;
  readonly max: number;
  readonly step: number;
  /** One press of an arrow key. Default: `step`. */
  readonly keyStep?: number;
  readonly valueText: (value: number) => string;
  /** Where dragging is to show and not yet to act, `onChange` waits for the drop. */
  readonly commitOnDrop?: boolean;
  readonly disabled?: boolean;
  /** A CSS shape that the filled range is cut to, and then higher: `waveformShape`. */
  readonly shape?: string | undefined;
  readonly testId: string;
  readonly onChange: (value: number) => void;
}

/** A range that shows how far it is filled. */
export function Slider(props: SliderProps) {
  const {
    label,
    value,
    max,
    step,
    keyStep = step,
    valueText,
    commitOnDrop = false,
    disabled = false,
    shape,
    testId,
    onChange,
  } = props;
  const [dragged, setDragged] = useState<number>();
  const [pressed, setPressed] = useState(false);
  const shown = Math.min(dragged ?? value, max);
  const commit = () => {
    setPressed(false);
    if (dragged !== undefined) onChange(dragged);
    setDragged(undefined);
  };
  const onInput = (event: ChangeEvent<HTMLInputElement>) => {
    const next = Number(event.target.value);
    if (commitOnDrop && pressed) setDragged(next);
    else onChange(next);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (steps === undefined) return;
    event.preventDefault();
    onChange(Math.min(Math.max(0, value + steps * keyStep), max));
  };
  return (
    <input
      type="range"
      className={shape ? "slider shaped" : "slider"}
      aria-label={label}
      aria-valuetext={valueText(shown)}
      data-testid={testId}
      min={0}
      max={Math.max(max, 1e-6)}
      step={step}
      value={shown}
      disabled={disabled}
      style={{ "--fill": `${max > 0 ? (shown / max) * 100 : 0}%`, "--shape": shape } as CSSProperties}
      onChange={onInput}
      onKeyDown={onKeyDown}
      onPointerDown={() => setPressed(true)}
      onPointerUp={commit}
      onPointerCancel={commit}
    />
  );
}

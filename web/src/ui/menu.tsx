import { type KeyboardEvent, type ReactNode, useCallback, useRef, useState } from "react";
import { Icon, type IconName } from "./icons.tsx";
import "./menu.css";

interface MenuProps {
  /** What the menu is for: "More about Nebula". */
  readonly label: string;
  readonly icon?: IconName;
  /** What the button shows, where it is more than an icon. */
  readonly face?: ReactNode;
  /** The items, made when the menu opens; call `close` when one was chosen. */
  readonly children: (close: () => void) => ReactNode;
}

/** A button that opens a menu in the top layer: beside the button, or as a sheet on a phone. */
export function Menu({ label, icon = "more", face, children }: MenuProps) {
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const onClosed = useCallback(() => setOpen(false), []);
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  return (
    <>
      <button
        ref={button}
        type="button"
        className={face ? "face-button" : "icon-button"}
        aria-label={label}
        aria-haspopup="menu"
        aria-expanded={open}
        onClick={() => setOpen(true)}
      >
        {face ?? <Icon name={icon} />}
      </button>
      {open && (
        <MenuPanel label={label} anchor={button.current} onClosed={onClosed}>
          {children(close)}
        </MenuPanel>
      )}
    </>
  );
}

interface MenuPanelProps {
  readonly label: string;
  readonly anchor: HTMLElement | null;
  readonly onClosed: () => void;
  readonly children: ReactNode;
}

function MenuPanel({ label, anchor, onClosed, children }: MenuPanelProps) {
  const show = useCallback(
    (panel: HTMLDivElement | null) => {
      if (!panel) return;
      panel.showPopover();
      if (anchor) place(panel, anchor);
      items(panel)[0]?.focus();
      const onToggle = (event: ToggleEvent) => event.newState === "closed" && onClosed();
      panel.addEventListener("toggle", onToggle);
      return () => panel.removeEventListener("toggle", onToggle);
    },
    [anchor, onClosed],
  );
  return (
    <div ref={show} popover="auto" className="menu" role="menu" aria-label={label} onKeyDown={moveFocus}>
      {children}
    </div>
  );
}

function items(panel: HTMLElement): HTMLElement[] {
  return [...panel.querySelectorAll<HTMLElement>('[role^="menuitem"]:not([disabled])')];
}

function moveFocus(event: KeyboardEvent<HTMLDivElement>): void {
  const all = items(event.currentTarget);
  const at = all.indexOf(document.activeElement as HTMLElement);
  const targets: Record<string, number> = {
    ArrowDown: (at + 1) % all.length,
    ArrowUp: (at - 1 + all.length) % all.length,
    Home: 0,
    End: all.length - 1,
  };
  const target = targets[event.key];
  if (target === undefined) return;
  event.preventDefault();
  all[target]?.focus();
}

const MARGIN_PX = 8;

/** Below the button, or above it where there is more room; the stylesheet overrides it on phones. */
function place(panel: HTMLElement, anchor: HTMLElement): void {
  const box = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = panel;
  const left = Math.min(Math.max(MARGIN_PX, box.right - width), innerWidth - width - MARGIN_PX);
  const below = box.bottom + 4 + height <= innerHeight - MARGIN_PX;
  const top = below ? box.bottom + 4 : Math.max(MARGIN_PX, box.top - height - 4);
  panel.style.setProperty("--menu-left", `${left}px`);
  panel.style.setProperty("--menu-top", `${top}px`);
}

interface MenuItemProps {
  readonly icon?: IconName;
  /** Of one choice among several: whether it is the one. */
  readonly chosen?: boolean;
  readonly onSelect: () => void;
  readonly disabled?: boolean;
  readonly children: ReactNode;
}

/** One thing to do. */
export function MenuItem({ icon, chosen, onSelect, disabled = false, children }: MenuItemProps) {
  const shown = chosen ? "check" : icon;
  return (
    <button
      type="button"
      {...(chosen === undefined ? { role: "menuitem" } : { role: "menuitemradio", "aria-checked": chosen })}
      className="menu-item"
      tabIndex={-1}
      disabled={disabled}
      onClick={onSelect}
    >
      {shown ? <Icon name={shown} /> : <span className="icon" />}
      <span>{children}</span>
    </button>
  );
}

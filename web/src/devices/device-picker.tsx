import { Icon } from "../ui/icons.tsx";
import { Menu, MenuItem } from "../ui/menu.tsx";
import { useDevices } from "./devices-context.tsx";
import "./devices.css";

/** Where to play: a menu of the listener's devices. Only where there is a choice. */
export function DevicePicker() {
  const { all, active, isElsewhere, ownId, transfer } = useDevices();
  if (all.length < 2) return null;
  return (
    <div className={isElsewhere ? "device-picker elsewhere" : "device-picker"}>
      <Menu label="Choose where to play" icon="devices">
        {(close) =>
          all.map(({ id, name }) => (
            <MenuItem
              key={id}
              icon={id === active?.id ? "check" : "devices"}
              onSelect={() => {
                close();
                if (id !== active?.id) transfer(id);
              }}
            >
              {id === ownId ? "This page" : name}
              {id === active?.id && <span className="visually-hidden"> (chosen)</span>}
            </MenuItem>
          ))
        }
      </Menu>
    </div>
  );
}

/** Says that another device plays, and takes over from it. */
export function Elsewhere() {
  const { active, isElsewhere, ownId, transfer } = useDevices();
  return (
    <div className="elsewhere-strip" role="status" data-testid="elsewhere" hidden={!isElsewhere}>
      {isElsewhere && (
        <>
          <Icon name="devices" />
          <span>Playing on {active?.name}</span>
          <button type="button" className="button" data-testid="play-here" onClick={() => transfer(ownId)}>
            Play here
          </button>
        </>
      )}
    </div>
  );
}

//! A drop-down menu from a list of entries. Deliberately absent: submenus.
import * as Radix from "@radix-ui/react-dropdown-menu";
import type { ReactElement, ReactNode } from "react";

export type MenuEntry =
  | { kind: "line" }
  | { kind?: "item"; label: string; icon?: ReactNode; keys?: string; danger?: boolean; disabled?: boolean; testId?: string; onSelect: () => void };

interface MenuProps {
  trigger: ReactElement;
  entries: MenuEntry[];
  align?: "start" | "end";
}

export function Menu({ trigger, entries, align = "start" }: MenuProps) {
  return (
    <Radix.Root modal={false}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content className="menu" align={align} sideOffset={4} collisionPadding={8} onCloseAutoFocus={(event) => event.preventDefault()}>
          {entries.map((entry, index) =>
            entry.kind === "line" ? (
              <Radix.Separator key={index} className="menu__line" />
            ) : (
              <Radix.Item key={entry.label} className={entry.danger ? "menu__item menu__item--danger" : "menu__item"} disabled={entry.disabled} data-testid={entry.testId} onSelect={entry.onSelect}>
                {entry.icon}
                {entry.label}
                {entry.keys && <span className="menu__keys">{entry.keys}</span>}
              </Radix.Item>
            ),
          )}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

//! A modal dialog: title, sentence, body, footer; Esc and the cross close it. Deliberately absent: nesting.
import * as Radix from "@radix-ui/react-dialog";
import { X } from "lucide-react";
import type { FormEvent, ReactNode } from "react";
import { Button } from "./Button";

interface DialogProps {
  open: boolean;
  onClose: () => void;
  title: string;
  text?: string;
  width?: number;
  closeLabel: string;
  footer?: ReactNode;
  /** When given, the dialog is a form and Enter submits it. */
  onSubmit?: () => void;
  testId?: string;
  children: ReactNode;
}

export function Dialog({ open, onClose, title, text, width, closeLabel, footer, onSubmit, testId, children }: DialogProps) {
  const submit = (event: FormEvent) => {
    event.preventDefault();
    event.stopPropagation();
    onSubmit?.();
  };
  const body = (
    <>
      <div className="dialog__body">{children}</div>
      {footer && <div className="dialog__foot">{footer}</div>}
    </>
  );
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="scrim" />
        <Radix.Content className="dialog" data-testid={testId} style={width ? { width: `min(${width}px, calc(100vw - 32px))` } : undefined} aria-describedby={undefined}>
          <div className="dialog__head">
            <div className="grow">
              <Radix.Title asChild><h2>{title}</h2></Radix.Title>
              {text && <p>{text}</p>}
            </div>
            <Radix.Close asChild>
              <Button kind="quiet" icon aria-label={closeLabel}><X size={16} /></Button>
            </Radix.Close>
          </div>
          {onSubmit ? <form onSubmit={submit} style={{ display: "contents" }}>{body}</form> : body}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

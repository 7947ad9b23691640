//! Catches what a view throws, so that a defect costs one view and not the window. The document is with the engine and stays whole.
import { Component, type ReactNode } from "react";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { text } from "../text";

export class Guard extends Component<{ children: ReactNode }, { failed: string | null }> {
  state = { failed: null as string | null };

  static getDerivedStateFromError(error: unknown) {
    return { failed: error instanceof Error ? error.message : String(error) };
  }

  render() {
    if (this.state.failed === null) return this.props.children;
    return (
      <main className="welcome" data-testid="crashed">
        <div className="welcome__card">
          <h1>{text.crash.title}</h1>
          <p className="muted">{text.crash.text}</p>
          <Callout><span className="selectable">{this.state.failed}</span></Callout>
          <div><Button kind="primary" size="large" data-testid="reload" onClick={() => location.reload()}>{text.crash.reload}</Button></div>
        </div>
      </main>
    );
  }
}

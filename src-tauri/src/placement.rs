//! Where the window stands at its start: where the system puts it, or on one half of the screen.
//!
//! Deliberately absent: remembering it.

use clap::ValueEnum;
use tauri::{PhysicalPosition, PhysicalSize, WebviewWindow};

/// One half of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Half {
    Left,
    Right,
}

impl Half {
    /// Moves a window there. Systems that place windows themselves may not follow.
    ///
    /// # Errors
    /// When the window is gone.
    pub(crate) fn place(self, window: &WebviewWindow) -> tauri::Result<()> {
        let screen = window.current_monitor()?;
        let Some(screen) = screen.or(window.primary_monitor()?) else { return Ok(()) };
        let area = screen.work_area();
        let width = area.size.width / 2;
        let x = area.position.x + if self == Self::Right { width as i32 } else { 0 };
        window.set_size(PhysicalSize::new(width, area.size.height))?;
        window.set_position(PhysicalPosition::new(x, area.position.y))
    }
}

//! Judges worlds of the reference model: JSON lines on stdin, one verdict a line on stdout, in the model's format.
//!
//! A line that is no world ends the run with an error that names it, and exit code 1. Beside the model's kinds it takes
//! `leave` and `plain`. Deliberately absent: any rule, and the
//! translation (`world.rs`).

mod world;

use std::io::{BufRead, BufWriter, Write};
use std::process::ExitCode;
use world::World;

fn main() -> ExitCode {
    let mut out = BufWriter::new(std::io::stdout().lock());
    for (number, line) in std::io::stdin().lock().lines().enumerate() {
        let verdict = line.map_err(|e| e.to_string()).and_then(|line| World::read(&line)?.verdict());
        let written = match verdict {
            Ok(verdict) => writeln!(out, "{verdict}"),
            Err(problem) => {
                // Whether the verdicts so far could still be written changes nothing about this error.
                let _ = out.flush();
                eprintln!("line {}: {problem}", number + 1);
                return ExitCode::FAILURE;
            }
        };
        if let Err(problem) = written {
            eprintln!("stdout: {problem}");
            return ExitCode::FAILURE;
        }
    }
    match out.flush() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("stdout: {problem}");
            ExitCode::FAILURE
        }
    }
}

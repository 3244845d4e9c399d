//! One line per check on standard output: ok or fail, the command, and what was looked at, with tabs between.

use iggy::prelude::*;
use std::fmt::Debug;
use std::time::{Duration, Instant};

pub type Outcome = Result<(), Box<dyn std::error::Error>>;

pub fn check(command: &str, good: bool, what: impl AsRef<str>) {
    let what = what.as_ref().split_whitespace().collect::<Vec<_>>().join(" ");
    println!("{}\t{command}\t{what}", if good { "ok" } else { "fail" });
}

/// Checks several commands by one effect: those of a builder, say.
pub fn all(commands: &[&str], good: bool, what: &str) {
    for c in commands {
        check(c, good, what);
    }
}

pub fn same<T: PartialEq + Debug>(command: &str, got: T, want: T, what: &str) {
    if got == want {
        check(command, true, what);
    } else {
        check(command, false, format!("{what}: got {got:?}, want {want:?}"));
    }
}

/// The result has to be one of the protocol's error codes.
pub fn refused<T: Debug>(command: &str, codes: &[u32], result: Result<T, IggyError>, what: &str) {
    match result {
        Ok(v) => check(command, false, format!("{what}: {codes:?} expected, got {v:?}")),
        Err(e) => check(command, codes.contains(&e.as_code()), format!("{what}: {codes:?} expected, got {} ({e})", e.as_code())),
    }
}

/// Asks again and again until judge holds; tells whether it ever did.
pub async fn until<F: Future<Output = bool>>(judge: impl Fn() -> F) -> bool {
    let end = Instant::now() + Duration::from_secs(8);
    while Instant::now() < end {
        if judge().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

pub fn id(name: &str) -> Identifier {
    Identifier::named(name).expect("a name")
}

pub fn number(n: u32) -> Identifier {
    Identifier::numeric(n).expect("a number")
}

pub fn message(text: &str) -> IggyMessage {
    IggyMessage::from(text)
}

pub fn batch(n: usize) -> Vec<IggyMessage> {
    (0..n).map(|i| message(&format!("m{i}"))).collect()
}

pub fn texts(p: &PolledMessages) -> Vec<String> {
    p.messages.iter().map(|m| m.payload_as_string().expect("text")).collect()
}

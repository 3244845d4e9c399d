//! `conformance list` prints the commands of the crate iggy that have to be shown, `conformance run ADDRESS` shows them against a
//! broker with user iggy, password iggy.

mod checks;
mod highlevel;
mod lowlevel;
mod recorded;

use checks::*;
use iggy::prelude::*;
use recorded::Recorded;
use std::time::{Duration, Instant};

/// A client that is connected.
async fn connect(address: &str) -> Result<Recorded, IggyError> {
    let builder = IggyClient::builder().with_tcp().with_server_address(address.to_string()).with_reconnection_max_retries(Some(0));
    let c = Recorded(builder.with_reestablish_after(IggyDuration::from(0)).build()?);
    c.connect().await?;
    Ok(c)
}

/// A client that is logged in.
async fn login(address: &str) -> Result<Recorded, IggyError> {
    let c = connect(address).await?;
    c.login_user("iggy", "iggy").await?;
    Ok(c)
}

/// Runs one part of the suite: what breaks it off is a failure of its own, and the others have their say.
async fn part(name: &str, f: impl Future<Output = Outcome>) {
    let begin = Instant::now();
    match tokio::time::timeout(Duration::from_secs(40), f).await {
        Ok(Ok(())) => {}
        Ok(Err(e)) => check(&format!("part {name}"), false, format!("broken off: {e}")),
        Err(_) => check(&format!("part {name}"), false, "not done in time"),
    }
    println!("took {name}: {:.1} s", begin.elapsed().as_secs_f64());
}

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some("list") => {
            for row in recorded::METHODS.iter().chain(highlevel::METHODS) {
                println!("{row}");
            }
        }
        Some("errors") => {
            for code in 1..20_000 {
                if let Some(e) = IggyError::from_repr(code) {
                    println!("{code}\t{e}");
                }
            }
        }
        Some("run") if args.len() == 3 => {
            let a = args[2].as_str();
            part("system", lowlevel::system(a)).await;
            part("snapshot", lowlevel::snapshot(a)).await;
            part("users", lowlevel::users(a)).await;
            part("tokens", lowlevel::tokens(a)).await;
            part("streams", lowlevel::streams(a)).await;
            part("topics", lowlevel::topics(a)).await;
            part("partitions", lowlevel::partitions(a)).await;
            part("messages", lowlevel::messages(a)).await;
            part("offsets", lowlevel::offsets(a)).await;
            part("groups", lowlevel::groups(a)).await;
            for m in recorded::left_out() {
                check(m, false, "never called");
            }
            part("clients", highlevel::clients(a)).await;
            part("producer", highlevel::producer(a)).await;
            part("background", highlevel::background(a)).await;
            part("consumer", highlevel::consumer(a)).await;
            part("committing", highlevel::committing(a)).await;
            part("two consumers", highlevel::two(a)).await;
            part("stream builder", highlevel::stream_builder(a)).await;
            std::process::exit(0); // the clients' own tasks are not waited for
        }
        _ => {
            eprintln!("usage: conformance list | errors | run ADDRESS");
            std::process::exit(2);
        }
    }
}

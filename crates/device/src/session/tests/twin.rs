//! Twin requests over one connection after the other.

use super::support::{Answer, Bench, SECOND, request_id};
use crate::Error;
use azmqtt_mqtt::Publish;

/// The request that goes out once its answer can be heard.
fn granted(bench: &mut Bench) -> Vec<Publish> {
    let events = bench.turn();
    assert_eq!(bench.grant(&events), 1);
    bench.messages()
}

fn patch(bench: &mut Bench, if_version: Option<u64>) -> Answer<crate::ReportedPatch> {
    bench.patch(if_version, 60 * SECOND)
}

#[test]
fn a_patch_is_matched_by_its_request_id() {
    let mut bench = Bench::new();
    bench.connect(false);
    let (first, second) = (patch(&mut bench, None), patch(&mut bench, Some(4)));
    let requests = granted(&mut bench);
    let ids: Vec<_> = requests.iter().map(request_id).collect();
    bench.say(&format!("$iothub/twin/res/204/?$rid={}&$version=6", ids[1]), "");
    bench.say("$iothub/twin/res/204/?$rid=unknown&$version=9", "");
    bench.turn();
    assert!(first.is_open());
    assert_eq!(second.get().unwrap().version, 6);
    bench.say(&format!("$iothub/twin/res/204/?$rid={}&$version=5", ids[0]), "");
    bench.turn();
    assert_eq!(first.get().unwrap().request_id, ids[0]);
    let stats = bench.shared.monitor.read();
    assert_eq!((stats.twin_requests_answered, stats.twin_answers_unmatched), (2, 1));
    assert_eq!(bench.shared.budget.used(), (0, 0));
}

#[test]
fn a_request_without_its_answer_is_published_again_but_for_a_conditional_patch() {
    let mut bench = Bench::new();
    bench.connect(false);
    let (plain, conditional) = (patch(&mut bench, None), patch(&mut bench, Some(4)));
    let first = granted(&mut bench);
    assert_eq!(first.len(), 2);
    bench.lose();
    let Err(Error::ConnectionLost { reason }) = conditional.get() else { panic!("no error") };
    assert!(reason.ends_with("; the conditional patch may or may not have been applied"), "{reason}");
    bench.connect(true);
    let again = granted(&mut bench);
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].topic, first[0].topic);
    assert!(plain.is_open());
}

#[test]
fn a_comparison_that_the_hub_refuses_for_good_waits_for_five_minutes_or_for_the_application() {
    let mut bench = Bench::with(|config| config.keep_alive = 0);
    bench.connect(false);
    let watched = bench.watch_desired(60 * SECOND);
    let events = bench.turn();
    bench.grant(&events);
    let requests = bench.messages();
    bench.say(&format!("$iothub/twin/res/403/?$rid={}", request_id(&requests[0])), "");
    bench.turn();
    assert!(matches!(watched.get(), Err(Error::RequestFailed { status: 403, .. })));
    bench.pass(299 * SECOND);
    assert_eq!(bench.messages().len(), 0);
    bench.watch_desired(60 * SECOND);
    let requests = bench.messages();
    assert_eq!(requests.len(), 1);
    // Another error passes sooner.
    bench.say(&format!("$iothub/twin/res/500/?$rid={}", request_id(&requests[0])), "");
    assert_eq!(bench.messages().len(), 0);
    bench.pass(5 * SECOND);
    assert_eq!(bench.messages().len(), 1);
}

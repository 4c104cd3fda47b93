//! Pages of a query, while devices and modules come and go between them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use serde_json::Value;

use crate::Hub;
use crate::tests::support::client::hub;

/// The ids of a page's rows, and what leads to the next page.
fn page(hub: &Hub, text: &str, size: usize, token: Option<&str>) -> (Vec<String>, Option<String>) {
    let page = hub.query(text, Some(size), token).unwrap();
    let rows: Vec<Value> = serde_json::from_str(&page.body).unwrap();
    let id = |row: &Value| {
        let ids = ["deviceId", "moduleId"].iter().filter_map(|name| row[name].as_str());
        ids.collect::<Vec<_>>().join("/")
    };
    (rows.iter().map(id).collect(), page.continuation)
}

/// The ids of all rows, page by page; `between` is called after each page but the last.
fn pages(hub: &Hub, text: &str, size: usize, mut between: impl FnMut()) -> Vec<Vec<String>> {
    let (mut all, mut token) = (Vec::new(), None);
    loop {
        let (rows, next) = page(hub, text, size, token.as_deref());
        all.push(rows);
        token = next;
        if token.is_none() {
            return all;
        }
        between();
    }
}

fn name(number: u8) -> String {
    format!("x{number:03}")
}

#[test]
fn what_stays_is_listed_once_whatever_comes_and_goes_between_pages() {
    let hub = hub();
    let text = "SELECT deviceId FROM devices WHERE STARTSWITH(deviceId, 'x')";
    let changes = vec(vec(0_u8..40, 0..6), 0..10);
    proptest!(ProptestConfig::with_cases(60), |(first in btree_set(0_u8..40, 0..30), changes in changes, size in 1_usize..7)| {
        for number in &first {
            hub.create_device(&name(*number), None).unwrap();
        }
        let (mut present, mut stayed, mut ever) = (first.clone(), first.clone(), first);
        let mut changes = changes.into_iter();
        let found = pages(&hub, text, size, || {
            for number in changes.next().unwrap_or_default() {
                if present.remove(&number) {
                    hub.remove_device(&name(number)).unwrap();
                    stayed.remove(&number);
                } else {
                    hub.create_device(&name(number), None).unwrap();
                    present.insert(number);
                    ever.insert(number);
                }
            }
        });
        for number in &present {
            hub.remove_device(&name(*number)).unwrap();
        }
        let rows = found.concat();
        prop_assert!(rows.is_sorted_by(|one, next| one < next), "{found:?}");
        let listed: BTreeSet<_> = rows.into_iter().collect();
        prop_assert!(stayed.iter().all(|number| listed.contains(&name(*number))), "{found:?} of {stayed:?}");
        let ever: BTreeSet<_> = ever.into_iter().map(name).collect();
        prop_assert!(listed.is_subset(&ever));
        let (last, full) = found.split_last().unwrap();
        prop_assert!(full.iter().all(|page| page.len() == size) && last.len() <= size, "{found:?}");
    });
}

#[test]
fn pages_of_modules_begin_behind_a_module_that_is_gone() {
    let hub = hub();
    for device in ["x1", "x2", "x3"] {
        hub.create_device(device, None).unwrap();
        for module in ["a", "b", "c"] {
            hub.create_module(device, module, None).unwrap();
        }
    }
    let text = "SELECT deviceId, moduleId FROM devices.modules";
    let (rows, token) = page(&hub, text, 2, None);
    assert_eq!(rows, ["x1/a", "x1/b"]);
    hub.remove_module("x1", "b").unwrap();
    hub.create_module("x1", "aa", None).unwrap();
    hub.create_module("x1", "bb", None).unwrap();
    let (rows, token) = page(&hub, text, 3, token.as_deref());
    assert_eq!(rows, ["x1/bb", "x1/c", "x2/a"]);
    hub.remove_device("x2").unwrap();
    hub.create_device("x20", None).unwrap();
    hub.create_module("x20", "a", None).unwrap();
    let (rows, token) = page(&hub, text, 3, token.as_deref());
    assert_eq!(rows, ["x20/a", "x3/a", "x3/b"]);
    hub.remove_device("x3").unwrap();
    assert_eq!(page(&hub, text, 3, token.as_deref()), (vec![], None));
}

#[test]
fn a_condition_that_few_meet_reads_on_to_the_end() {
    let hub = hub();
    for number in 0..2_500 {
        hub.create_device(&format!("x{number:04}"), None).unwrap();
    }
    let text = "SELECT deviceId FROM devices WHERE ENDSWITH(deviceId, '999')";
    for (size, expected) in [(1, vec![vec!["x0999"], vec!["x1999"]]), (2, vec![vec!["x0999", "x1999"]])] {
        assert_eq!(pages(&hub, text, size, || {}), expected);
    }
    // A page that has all rows is the last one.
    let sizes = |text, size| pages(&hub, text, size, || {}).iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(sizes("SELECT * FROM devices", 1000), [1000, 1000, 502]);
    assert_eq!(sizes("SELECT deviceId FROM devices", 834), [834, 834, 834]);
    assert_eq!(sizes("SELECT TOP 1001 deviceId FROM devices", 1000), [1000, 1]);
    assert_eq!(sizes("SELECT * FROM devices.modules", 1000), [0]);
}

#[test]
fn lists_are_whole_while_other_threads_create_and_delete() {
    let hub = hub();
    for number in 0..200 {
        hub.create_device(&format!("x{number:03}"), None).unwrap();
    }
    let ends = AtomicBool::new(false);
    let lists: Vec<_> = thread::scope(|scope| {
        scope.spawn(|| {
            while !ends.load(Ordering::Relaxed) {
                for number in (0..200).step_by(9) {
                    let between = format!("x{number:03}-between");
                    hub.create_device(&between, None).unwrap();
                    hub.remove_device(&between).unwrap();
                }
            }
        });
        let lists =
            (0..20).map(|_| pages(&hub, "SELECT deviceId FROM devices", 13, || {}).concat()).collect();
        ends.store(true, Ordering::Relaxed);
        lists
    });
    for mut rows in lists {
        assert!(rows.is_sorted_by(|one, next| one < next), "{rows:?}");
        rows.retain(|id| !id.ends_with("-between"));
        assert_eq!(rows.len(), 202, "{rows:?}");
    }
}

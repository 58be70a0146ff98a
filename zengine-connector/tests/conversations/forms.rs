//! The stored forms, and what erases them.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use zengine_connector::{
    Identity, Orchestrator, StrategyRegistry,
    orchestrator::SweptEvents,
    store::{Memory, SessionPage},
    strategy::{SessionErrorKind, SweptConversations},
};

use crate::desk::{Answer, World, conversation_key, customer, hashed, is_deferred};

/// The stored JSON of a session.
async fn stored(world: &World, key: &str) -> Value {
    world.contexts.read_session(key).await.unwrap().unwrap().value
}

#[tokio::test(start_paused = true)]
async fn the_stored_forms_are_the_documented_ones() {
    let world = World { early: true, ..World::new() };
    world.next(Answer::Slow(Duration::from_secs(1)));
    let opening = world.spawn("1").await;
    let guide = include_str!("../../guide/formats.md");
    let key = world.desk.lock().unwrap().opened[0].0.clone();
    let documented = |mut it: Value, drawn: &[&str]| {
        for path in drawn {
            *it.pointer_mut(path).unwrap() = json!("…");
        }
        let text = it.to_string();
        assert!(guide.contains(&text), "guide/formats.md lacks\n{text}");
    };
    let conversation = &conversation_key(&customer());
    documented(stored(&world, conversation).await, &["/writes/0", "/key", "/owner", "/queue/0/owner"]);
    documented(stored(&world, &format!("conversation-opening/{key}")).await, &["/owner"]);
    opening.await.unwrap().unwrap();
    assert!(world.contexts.read_session::<Value>(&format!("conversation-opening/{key}")).await.unwrap().is_none());
    documented(stored(&world, conversation).await, &["/writes/0", "/writes/1", "/writes/2", "/key"]);
    documented(stored(&world, &hashed("conversation-id/", "canary-id-1")).await, &["/key"]);
    assert_eq!(stored(&world, &hashed("conversation-id/", &key)).await["customer"]["value"], "+15551230001");
}

#[tokio::test(start_paused = true)]
async fn a_record_of_a_newer_release_keeps_its_members() {
    let world = World::new();
    world.send(&customer(), "1").await.unwrap();
    let key = &conversation_key(&customer());
    rewrite(&world, key, |value| value["mood"] = json!("calm")).await;
    let live = world.conversations().get::<crate::desk::Token>(&customer()).await.unwrap().unwrap();
    world.conversations().update(&live, |_| ()).await.unwrap();
    assert_eq!(stored(&world, key).await["mood"], "calm");
}

#[tokio::test(start_paused = true)]
async fn members_of_a_newer_release_go_with_their_life() {
    let world = World::new();
    world.send(&customer(), "1").await.unwrap();
    let key = &conversation_key(&customer());
    rewrite(&world, key, |value| value["mood"] = json!("calm")).await;
    world.close("canary-id-1");
    assert_eq!(world.send(&customer(), "2").await.unwrap(), 2);
    assert_eq!(stored(&world, key).await.get("mood"), None);
}

#[tokio::test(start_paused = true)]
async fn what_a_newer_release_wrote_defers_the_send_and_is_not_written_over() {
    let world = World { early: true, ..World::new() };
    world.send(&customer(), "1").await.unwrap();
    let key = &conversation_key(&customer());
    for (member, newer) in [("/v", json!(2)), ("/state", json!("resting"))] {
        let before = stored(&world, key).await;
        let later = rewrite(&world, key, |value| *value.pointer_mut(member).unwrap() = newer).await;
        assert!(is_deferred(&world.send(&customer(), "2").await.unwrap_err()), "{member}");
        assert_eq!(stored(&world, key).await, later, "{member}");
        rewrite(&world, key, |value| *value = before).await;
    }
    let reverse = &hashed("conversation-id/", "canary-id-1");
    let later = rewrite(&world, reverse, |value| value["v"] = json!(2)).await;
    assert_eq!(world.conversations().find("canary-id-1").await.unwrap_err().kind, SessionErrorKind::Corrupt);
    world.clock.advance(Duration::from_secs(3600)).await;
    world.send(&customer(), "3").await.unwrap();
    assert_eq!(stored(&world, reverse).await, later);
}

#[tokio::test(start_paused = true)]
async fn an_opening_that_a_newer_release_noted_leaves_events_undecided() {
    let world = World { early: true, ..World::new() };
    let note = json!({ "v": 2, "owner": "newer", "lease_until_ms": 0 });
    world.contexts.write_session("conversation-opening/newer", &note, None, Duration::from_secs(9000)).await.unwrap();
    let error = world.conversations().find_or_wait(&world.contexts.event(), "foreign").await.unwrap_err();
    assert_eq!(error.kind, SessionErrorKind::Undecided);
}

/// Changes the stored JSON of a session. Returns it.
async fn rewrite(world: &World, key: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut stored = world.contexts.read_session::<Value>(key).await.unwrap().unwrap();
    change(&mut stored.value);
    world.contexts.write_session(key, &stored.value, Some(stored.version), Duration::from_secs(90_000)).await.unwrap();
    stored.value
}

#[tokio::test(start_paused = true)]
async fn keys_of_the_core_are_not_those_of_a_strategy() {
    let world = World::new();
    world.send(&customer(), "1").await.unwrap();
    let sessions = world.contexts.sessions();
    let hour = Duration::from_secs(3600);
    for key in ["core:outbox/c-1", "conversation-opening/k", &conversation_key(&customer()), &hashed("conversation-id/", "canary-id-1")] {
        let refused =
            [sessions.get::<Value>(key).await.map(drop), sessions.put(key, &1, None, hour).await.map(drop), sessions.delete(key, 1).await];
        assert_eq!(refused.map(|refused| refused.unwrap_err().kind), [SessionErrorKind::Reserved; 3], "{key}");
    }
    for key in ["conversation", "conversations/1", "core", "my-core:1"] {
        sessions.put(key, &1, None, hour).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_conversation_is_forgotten_with_its_customer() {
    let (world, stores) = (World::new(), Memory::new());
    let world = World { contexts: world.contexts.clone().with_stores(stores.clone()), ..world };
    let other = Identity::opaque("desk", "a/b").unwrap();
    for person in [&customer(), &other] {
        world.send(person, "hello").await.unwrap();
    }
    let registry = StrategyRegistry::builder().build().unwrap();
    let orchestrator = Orchestrator::builder().registry(&registry).stores(stores).clock(Arc::clone(&world.clock) as _).build().unwrap();
    for (person, id) in [(&customer(), "canary-id-1"), (&other, "canary-id-2")] {
        assert!(world.conversations().find(id).await.unwrap().is_some());
        // The conversation, the entry of its id, and that of our key.
        let forgotten = orchestrator.forget_person("acme", person).await.unwrap();
        assert_eq!((forgotten.sessions, forgotten.is_complete()), (3, true));
        assert!(world.conversations().find(id).await.unwrap().is_none());
        assert_eq!(world.conversations().state(person).await.unwrap().1, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn people_whose_texts_are_the_same_have_conversations_of_their_own() {
    let world = World::new();
    let people = [Identity::opaque("a", "b:c").unwrap(), Identity::opaque("a:b", "c").unwrap()];
    assert_eq!(people[0].to_string(), people[1].to_string());
    for person in &people {
        world.send(person, person.value()).await.unwrap();
    }
    assert_eq!(world.ids().len(), 2);
    for (person, id) in people.into_iter().zip(world.ids()) {
        assert_eq!(world.conversations().find(&id).await.unwrap().unwrap().customer, person);
    }
}

#[test]
fn pages_of_sessions_print_no_place() {
    let (mut page, mut swept, mut events) = (SessionPage::default(), SweptConversations::default(), SweptEvents::default());
    for next in [&mut page.next, &mut swept.next, &mut events.next] {
        *next = Some("acme|desk|window/+15551230001".to_owned());
    }
    let printed = format!("{page:?} {swept:?} {events:?}");
    assert!(!printed.contains("1555"), "{printed}");
}

#[test]
fn the_key_of_a_conversation_is_the_documented_one() {
    let key = conversation_key(&customer());
    assert!(include_str!("../../guide/formats.md").contains(&key), "guide/formats.md lacks {key}");
}

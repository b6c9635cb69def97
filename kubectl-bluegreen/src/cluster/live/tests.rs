//! Requests and answers as they go over the wire, at a service that a test plays.
//! Needs no server.

use super::*;
use crate::cluster::AnyObject;
use kube::client::Body;
use serde_json::json;

type Handle = tower_test::mock::Handle<http::Request<Body>, http::Response<Body>>;

fn cluster() -> (LiveCluster, Handle) {
    let (service, handle) = tower_test::mock::pair::<http::Request<Body>, http::Response<Body>>();
    let client = Client::new(service, "default");
    (LiveCluster::new(client, "https://test".to_owned(), "default".to_owned(), None, None), handle)
}

async fn answer(handle: &mut Handle, code: u16, body: Value) -> (Method, String, String) {
    let (request, send) = handle.next_request().await.unwrap();
    let content = request.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
    let seen = (request.method().clone(), request.uri().to_string(), content.unwrap_or_default());
    let body = Body::from(body.to_string().into_bytes());
    send.send_response(http::Response::builder().status(code).body(body).unwrap());
    seen
}

fn status(code: u16) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": format!("no {code}"), "reason": ""})
}

fn patch(dry_run: bool) -> Request {
    Request::Patch { object: ObjectRef::new(Resource::Services, "n", "s"), patch: json!([]), dry_run }
}

#[tokio::test(start_paused = true)]
async fn writes_are_sent_once_and_reads_again() {
    let (cluster, mut handle) = cluster();
    let (result, seen) = tokio::join!(async { cluster.send(&patch(false)).await }, async {
        answer(&mut handle, 503, status(503)).await
    },);
    assert_eq!(result.unwrap_err().failure, Failure::Unavailable);
    assert_eq!(seen.0, Method::PATCH);
    assert_eq!(seen.1, "/api/v1/namespaces/n/services/s?fieldManager=kubectl-bluegreen");
    assert_eq!(seen.2, "application/json-patch+json");
    assert_eq!(cluster.requests(), 1);

    let list = Request::List {
        resource: Resource::Deployments,
        namespace: Some("n".to_owned()),
        labels: Some("a=b,c in (d)".to_owned()),
        since: Some("7".to_owned()),
        limit: Some(9),
    };
    let (result, seen) = tokio::join!(async { cluster.send(&list).await }, async {
        answer(&mut handle, 503, status(503)).await;
        answer(&mut handle, 200, json!({"items": []})).await
    });
    assert_eq!(result.unwrap(), json!({"items": []}));
    let query = "labelSelector=a%3Db%2Cc%20in%20%28d%29&resourceVersion=7&resourceVersionMatch=NotOlderThan&limit=9";
    assert_eq!(seen.1, format!("/apis/apps/v1/namespaces/n/deployments?{query}"));
    assert_eq!(cluster.requests(), 3);
}

#[tokio::test(start_paused = true)]
async fn applies_and_deletes_say_what_they_mean() {
    let object = AnyObject {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        plural: "deployments".to_owned(),
        namespace: Some("n".to_owned()),
        name: "a".to_owned(),
    };
    let (cluster, mut handle) = cluster();
    let apply = Request::Apply { object, body: json!({}), force: false, dry_run: true };
    let delete = Request::Delete {
        object: ObjectRef::new(Resource::Deployments, "n", "a"),
        uid: "u".to_owned(),
        dry_run: false,
    };
    let kinds = Request::Kinds { api_version: "v1".to_owned() };
    for (request, expected) in [
        (apply, "PATCH /apis/apps/v1/namespaces/n/deployments/a?fieldManager=kubectl-bluegreen&dryRun=All&force=false"),
        (delete, "DELETE /apis/apps/v1/namespaces/n/deployments/a"),
        (kinds, "GET /api/v1"),
    ] {
        let (result, seen) =
            tokio::join!(async { cluster.send(&request).await }, async { answer(&mut handle, 200, json!({})).await });
        assert_eq!((result.unwrap(), format!("{} {}", seen.0, seen.1)), (json!({}), expected.to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn answers_are_told_apart() {
    for (code, failure) in [
        (401, Failure::Unauthorized),
        (403, Failure::Forbidden),
        (404, Failure::NotFound),
        (409, Failure::Conflict),
        (422, Failure::Invalid),
        (429, Failure::Unavailable),
        (500, Failure::Unavailable),
    ] {
        let (cluster, mut handle) = cluster();
        let dry = patch(true);
        let (result, seen) = tokio::join!(async { cluster.send(&patch(false)).await }, async {
            answer(&mut handle, code, status(code)).await
        });
        let error = result.unwrap_err();
        assert_eq!((error.failure, error.message.as_str()), (failure, format!("no {code}").as_str()));
        assert!(error.to_string().contains("patch service/s -n n"), "{error}");
        assert!(!seen.1.contains("dryRun") && !dry.writes());
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_over_a_cut_connection_is_sent_again() {
    let (cluster, mut handle) = cluster();
    let get = Request::Get(ObjectRef::new(Resource::Services, "n", "s"));
    let (result, ()) = tokio::join!(async { cluster.send(&get).await }, async {
        let (_, send) = handle.next_request().await.unwrap();
        send.send_error(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
        answer(&mut handle, 200, json!({"kind": "Service"})).await;
    });
    assert_eq!(result.unwrap(), json!({"kind": "Service"}));
    let (result, ()) = tokio::join!(async { cluster.send(&patch(false)).await }, async {
        let (_, send) = handle.next_request().await.unwrap();
        send.send_error(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
    });
    let error = result.unwrap_err();
    assert_eq!(error.failure, Failure::Lost);
    assert_eq!(error.message, "the connection ended before the answer (https://test)");
}

#[tokio::test(start_paused = true)]
async fn a_list_is_read_as_types_and_again_where_it_is_none() {
    use k8s_openapi::api::core::v1::{Pod, Service};
    let metadata = json!({"name": "a", "managedFields": [{"manager": "x"}]});
    let body = json!({"kind": "List", "metadata": {"resourceVersion": "7"}, "items": [{"metadata": metadata}]});
    let (cluster, mut handle) = cluster();
    let (pods, services) = (Request::list(Resource::Pods, None), Request::list(Resource::Services, None));
    let (result, ()) = tokio::join!(async { cluster.list::<Pod>(&pods).await }, async {
        answer(&mut handle, 200, json!({"items": [{"metadata": {"name": 1}}]})).await;
        answer(&mut handle, 200, body.clone()).await;
    });
    let list = result.unwrap();
    assert_eq!((list.resource_version.as_str(), list.items.len()), ("7", 1));
    assert_eq!((list.items[0].metadata.name.as_deref(), &list.items[0].metadata.managed_fields), (Some("a"), &None));
    let (result, _) = tokio::join!(async { cluster.list::<Service>(&services).await }, async {
        answer(&mut handle, 200, body.clone()).await
    });
    assert_eq!(result.unwrap().items[0].metadata.managed_fields.as_ref().map(Vec::len), Some(1));
    let (result, _) = tokio::join!(async { cluster.list::<Pod>(&pods).await }, async {
        answer(&mut handle, 200, json!({"items": null})).await
    });
    assert!(result.unwrap().items.is_empty());
    let (result, ()) = tokio::join!(async { cluster.list::<Pod>(&pods).await }, async {
        for _ in 0..READ_ATTEMPTS {
            answer(&mut handle, 200, json!({"items": "none"})).await;
        }
    });
    let error = result.unwrap_err();
    assert_eq!(error.failure, Failure::Unavailable);
    assert!(error.message.starts_with("the answer is not understood: invalid type"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn no_answer_in_time_is_lost() {
    let (mut cluster, _handle) = cluster();
    cluster.request_timeout = Some(Duration::from_secs(3));
    let error = cluster.send(&patch(false)).await.unwrap_err();
    assert_eq!(error.failure, Failure::Lost);
    assert!(error.message.contains("no answer within 3 s"), "{error}");
}

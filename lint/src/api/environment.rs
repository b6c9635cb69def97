//! Validates environment variables and where their values come from.
//! Must not ask whether a `ConfigMap` or Secret exists.

use super::names::{self, Fault};
use super::pod_spec::Pod;
use super::sink::{Sink, items, list_of, owner_of, text};
use crate::quantity;
use crate::yaml::NodeRef;

/// Validates `env`.
pub(super) fn variables<'o>(pod: &Pod<'o>, container: NodeRef<'o>, sink: &mut Sink<'o>) {
    for variable in items(container, "env") {
        let syntax = variable_syntax(sink);
        sink.required_name(variable, "name", "a variable needs a name", syntax);
        let Some(source) = variable.get("valueFrom") else { continue };
        value_from(pod, source, sink);
        if !text(variable, "value").is_empty() {
            sink.invalid(source, "a variable has either a `value` or a source", "remove `value` or `valueFrom`");
        }
    }
}

fn variable_syntax(sink: &Sink<'_>) -> fn(&str) -> Fault {
    if sink.since(32) { names::variable_name } else { names::strict_variable_name }
}

/// Validates `envFrom`.
pub(super) fn sources<'o>(container: NodeRef<'o>, sink: &mut Sink<'o>) {
    for source in items(container, "envFrom") {
        let syntax = variable_syntax(sink);
        sink.name(source, "prefix", syntax);
        let before = sink.count();
        let kinds = ["configMapRef", "secretRef"];
        if sink.exactly_one(source, &kinds).is_none() {
            sink.none_set(source, &kinds);
        }
        if sink.count() > before {
            sink.at_path(list_of);
        }
        for reference in kinds.iter().filter_map(|key| source.get(key)) {
            sink.required_name(reference, "name", "the name of the object is needed", names::start_of_subdomain);
        }
    }
}

fn object_name<'o>(reference: NodeRef<'o>, sink: &mut Sink<'o>) {
    sink.required_name(reference, "name", "the name of the object is needed", names::dns_subdomain);
}

fn value_from<'o>(pod: &Pod<'o>, source: NodeRef<'o>, sink: &mut Sink<'o>) {
    let kinds: &[&str] = if sink.since(35) {
        &["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"]
    } else {
        &["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef"]
    };
    let set: Vec<&str> = kinds.iter().copied().filter(|key| source.get(key).is_some()).collect();
    if set.is_empty() {
        sink.none_set(source, kinds);
    } else if let [first, second, ..] = set[..] {
        let reason = format!("only one source can be set, `{first}` and `{second}` are");
        sink.invalid(source, reason, format!("remove `{first}` or `{second}`"));
    }
    if let Some(field) = source.get("fieldRef") {
        field_ref(field, &VARIABLE_FIELDS, sink);
    }
    if let Some(resource) = source.get("resourceFieldRef") {
        resource_field(resource, false, sink);
    }
    for key in ["configMapKeyRef", "secretKeyRef"] {
        let Some(reference) = source.get(key) else { continue };
        object_name(reference, sink);
        sink.required_name(reference, "key", "the key in the object is needed", names::config_key);
    }
    if let Some(file) = source.get("fileKeyRef").filter(|_| sink.since(35)) {
        file_key(pod, file, sink);
    }
}

/// A variable from a file in an `emptyDir`.
fn file_key<'o>(pod: &Pod<'o>, file: NodeRef<'o>, sink: &mut Sink<'o>) {
    sink.required_name(file, "key", "the variable in the file is needed", names::variable_name);
    sink.required_name(file, "path", "the path of the file is needed", names::file_path);
    if sink.required_text(file, "volumeName", "the volume that has the file is needed") {
        let volume = pod.volume(text(file, "volumeName"));
        if let Some(name) =
            file.get("volumeName").filter(|_| volume.is_none_or(|volume| volume.get("emptyDir").is_none()))
        {
            sink.invalid(
                name,
                "the pod has no `emptyDir` volume with this name",
                "name an `emptyDir` volume of this pod",
            );
        }
    }
}

/// The fields that a variable can have.
const VARIABLE_FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// The fields that a file can have.
pub(super) const FILE_FIELDS: [&str; 5] =
    ["metadata.name", "metadata.namespace", "metadata.uid", "metadata.labels", "metadata.annotations"];

/// Validates a reference to a field of the pod.
pub(super) fn field_ref<'o>(field: NodeRef<'o>, allowed: &[&str], sink: &mut Sink<'o>) {
    if !sink.required_text(field, "fieldPath", "the field of the pod is needed") {
        return;
    }
    let Some(path) = field.get("fieldPath") else { return };
    if !matches!(text(field, "apiVersion"), "" | "v1") {
        if let Some(version) = field.get("apiVersion") {
            sink.invalid(version, "`v1` alone is allowed", "set it to `v1`, or remove it");
            sink.at_path(|path| path.replace("apiVersion", "fieldPath"));
        }
        return;
    }
    let Some(written) = path.as_str() else { return };
    let subscript = written.strip_suffix("']").and_then(|rest| rest.split_once("['"));
    match subscript {
        Some(("metadata.labels", key)) => keyed(path, key, names::qualified_name, sink),
        Some(("metadata.annotations", key)) => {
            keyed(path, &key.to_ascii_lowercase(), names::qualified_name, sink);
        }
        // The oldest name of `spec.nodeName`.
        _ if written == "spec.host" && allowed.contains(&"spec.nodeName") => {}
        _ => sink.among(path, allowed),
    }
}

fn keyed<'o>(path: NodeRef<'o>, key: &str, syntax: fn(&str) -> Fault, sink: &mut Sink<'o>) {
    if let Some(reason) = syntax(key) {
        sink.invalid(path, format!("`{key}` is no key: {reason}"), "correct the key in the brackets");
        sink.at_path(owner_of);
    }
}

/// Whether an amount is written as `1e3`; in `1E` the letter is a suffix.
fn is_exponent(amount: &str) -> bool {
    amount.contains(['e', 'E']) && !amount.ends_with(['E', 'i'])
}

/// The divisors for each resource.
const CPU_DIVISORS: [&str; 2] = ["1m", "1"];
const BYTE_DIVISORS: [&str; 13] = ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];

const RESOURCES: [&str; 6] = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

/// Validates a reference to a container's request or limit.
pub(super) fn resource_field<'o>(reference: NodeRef<'o>, in_volume: bool, sink: &mut Sink<'o>) {
    if in_volume && !sink.required_text(reference, "containerName", "in a volume the container must be named") {
        return;
    }
    if !sink.required_text(reference, "resource", "the resource is needed, such as `limits.cpu`") {
        return;
    }
    let resource = text(reference, "resource");
    let huge = ["limits.hugepages-", "requests.hugepages-"].iter().any(|prefix| resource.starts_with(prefix));
    if !huge && !RESOURCES.contains(&resource) {
        sink.one_of(reference, "resource", &RESOURCES);
        return;
    }
    let Some(divisor) = reference.get("divisor") else { return };
    let allowed: &[&str] =
        if matches!(resource, "limits.cpu" | "requests.cpu") { &CPU_DIVISORS } else { &BYTE_DIVISORS };
    let Some(amount) = quantity::text(divisor) else { return };
    // The server compares texts, once it has brought them into their shortest form: powers of two stay such, so do exponents.
    let is_binary = |text: &str| text.ends_with('i');
    let is_plain = !amount.starts_with('+') && !is_exponent(&amount);
    let same = |known: &&str| {
        let form = is_plain && (*known == "1" || is_binary(known) == is_binary(&amount));
        form && quantity::are_equal(Some(known), Some(&amount))
    };
    if quantity::parse(&amount).is_some_and(|amount| amount != 0) && !allowed.iter().any(same) {
        sink.invalid(
            divisor,
            format!("for {resource} only {} are allowed", allowed.join(", ")),
            "use one of these, or remove it",
        );
    }
}

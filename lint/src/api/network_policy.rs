//! Validates a `NetworkPolicy`: ports, peers and ranges of addresses.
//! Must not ask what it selects.

use std::net::IpAddr;

use super::ports::MAX_PORT;
use super::sink::{Sink, int, items, owner_of};
use super::{names, probe, selector};
use crate::yaml::{NodeRef, Value};

/// Validates a `NetworkPolicy`.
pub(super) fn policy<'o>(root: NodeRef<'o>, sink: &mut Sink<'o>) {
    let Some(spec) = root.get("spec") else { return };
    if let Some(own) = spec.get("podSelector") {
        selector::selector(own, sink);
    }
    for (rules, peers) in [("ingress", "from"), ("egress", "to")] {
        for rule in items(spec, rules) {
            items(rule, "ports").for_each(|port| self::port(port, sink));
            items(rule, peers).for_each(|peer| self::peer(peer, sink));
        }
    }
    if let Some(types) = spec.get("policyTypes").filter(|types| types.items().count() > 2) {
        sink.invalid(types, "at most two are allowed", "remove the others");
        return;
    }
    items(spec, "policyTypes").for_each(|kind| sink.among(kind, &["Ingress", "Egress"]));
}

fn port<'o>(port: NodeRef<'o>, sink: &mut Sink<'o>) {
    if let Some(protocol) = port.get("protocol") {
        sink.among(protocol, &["TCP", "UDP", "SCTP"]);
    }
    let end = port.get("endPort");
    let Some(first) = port.get("port") else {
        if let Some(end) = end {
            sink.invalid(end, "`port` is needed beside it", "set `port` to the first port of the range");
        }
        return;
    };
    probe::port(port, "port", sink);
    let Some(end) = end else { return };
    if matches!(first.value(), Value::Str(_)) {
        sink.invalid(end, "`port` must be a number beside it", "set `port` to a number, or remove `endPort`");
    } else if int(port, "endPort") < int(port, "port") {
        sink.invalid(end, "it must be at least `port`", "raise it, or lower `port`");
    } else {
        sink.number(port, "endPort", 1, MAX_PORT);
    }
}

fn peer<'o>(peer: NodeRef<'o>, sink: &mut Sink<'o>) {
    let block = peer.get("ipBlock");
    let selectors: Vec<NodeRef<'o>> =
        ["podSelector", "namespaceSelector"].iter().filter_map(|key| peer.get(key)).collect();
    for own in &selectors {
        selector::selector(*own, sink);
    }
    if let Some(block) = block {
        ip_block(block, sink);
    }
    if block.is_some() && !selectors.is_empty() {
        sink.forbidden(peer, "ipBlock", "a selector is set, too, and only one can be");
        sink.at_path(owner_of);
    } else if block.is_none() && selectors.is_empty() {
        sink.none_set(peer, &["podSelector", "namespaceSelector", "ipBlock"]);
    }
}

fn ip_block<'o>(block: NodeRef<'o>, sink: &mut Sink<'o>) {
    sink.required_name(block, "cidr", "a range such as `10.0.0.0/8` is needed", sink.address_range());
    let outer = block.get("cidr").and_then(NodeRef::as_str).and_then(names::range);
    for except in items(block, "except") {
        sink.syntax(except, sink.address_range());
        let inner = except.as_str().and_then(names::range);
        if let (Some(outer), Some(inner)) = (outer, inner)
            && !is_inside(inner, outer)
        {
            sink.invalid(except, "it must be a part of `cidr`", "take a smaller range inside of `cidr`");
        }
    }
}

/// Whether a range is a true part of another one. The server compares the lengths of the prefixes as they are written, and the
/// addresses by what they mean: `::ffff:10.0.0.0` is `10.0.0.0`.
fn is_inside((inner, inner_bits): (IpAddr, u8), (outer, outer_bits): (IpAddr, u8)) -> bool {
    let start = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    };
    let (inner, meant) = (inner.to_canonical(), outer.to_canonical());
    let bits = if meant == outer { Some(outer_bits) } else { outer_bits.checked_sub(96) };
    let Some(bits) = bits.filter(|_| inner.is_ipv4() == meant.is_ipv4()) else { return false };
    let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
    inner_bits > outer_bits && start(inner) & mask == start(meant) & mask
}

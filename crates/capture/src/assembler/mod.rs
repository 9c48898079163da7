//! From segments to exchanges: one flow table per logical shard.

mod conversation;
mod duplicates;
mod flow;
mod homes;
mod key;
mod queue;

use crate::link;
use crate::segment::{Segment, SegmentHead};
use crate::source::live;
use crate::tcp::StreamCounters;
use core::net::SocketAddr;
use core::time::Duration;
pub use duplicates::Across;
use duplicates::Seen;
use flow::Flow;
use homes::Homes;
use key::{Key, Network};
use serde::{Deserialize, Serialize};
use stilt_model::{Exchange, Mark, Recent, Timestamp};
use stilt_protocol::http1;

/// `[capture]`: what is captured, and the caps and time-outs of one shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Interfaces to watch where `-i` names none.
    pub interfaces: Vec<String>,
    /// Listeners of cloud mirrors, where `--listen` names none: `vxlan://ADDRESS:PORT`,
    /// `geneve://ADDRESS:PORT`, with `?vni=N,N` where only these networks are wanted.
    pub listen: Vec<String>,
    /// Capture filter in tcpdump's syntax, where `--filter` gives none.
    pub filter: String,
    /// Bytes taken of each packet that is captured live.
    pub snaplen: u32,
    /// Bytes of packets that the kernel holds for each interface until they are read.
    pub ring: u64,
    /// Also take packets that are for others than this machine.
    pub promiscuous: bool,
    /// Flow workers where `--threads` gives none; 0: the cores there are.
    pub workers: usize,
    /// Bytes of memory that a live run takes at most, about: above it the connections idle longest
    /// are given up, and new ones are not followed.
    pub memory_max: u64,
    /// Services whose connections are shed last when more comes than can be analysed: addresses,
    /// networks (`10.0.0.0/8`), or addresses with a port (`10.0.0.5:8080`, `[::1]:80`).
    pub shed_last: Vec<String>,
    /// Connections followed at once, shared out evenly among the shards.
    pub flows_max: usize,
    /// Bytes kept of one direction while a hole is waited for.
    pub hole_bytes_max: usize,
    /// Bytes kept of all directions together while holes are waited for.
    pub waiting_bytes_max: u64,
    /// Segments kept of one direction while a hole is waited for.
    pub holes_max: usize,
    /// Milliseconds that a hole is waited for.
    pub gap_wait_ms: u64,
    /// The same, once the other side has acknowledged what is missing.
    pub acked_wait_ms: u64,
    /// Segments after which an acknowledged hole is passed over.
    pub acked_segments_max: u32,
    /// Seconds without a segment after which a connection is given up.
    pub idle_secs: u64,
    /// Seconds that a closed connection is remembered.
    pub closed_secs: u64,
    /// Where one connection may be mirrored at once: `none`, `vlans` or `tunnels`. Equal addresses
    /// alone never join networks: numbers and bytes must be equal too.
    pub duplicates_across: Across,
    /// Requests of one connection that wait for their response.
    pub pipeline_max: usize,
    /// Bytes of memory for bodies that are being read or wait, in one of the 64 shards.
    pub bodies_max: usize,
    /// Segments that begin no message after which a connection is taken for something else.
    pub not_http_max: u8,
    /// TCP checksums: `ignore` or `verify`.
    pub checksums: link::Checksums,
    /// SHA-256 of every whole body is told. It is not keyed: who can guess a body can confirm it.
    pub body_hash: bool,
    /// Limits of links and tunnels.
    pub link: link::Limits,
    /// Caps of the HTTP parser.
    pub http: http1::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            listen: Vec::new(),
            filter: String::new(),
            snaplen: 1 << 18,
            ring: 128 << 20,
            promiscuous: true,
            workers: 0,
            memory_max: 4 << 30,
            shed_last: Vec::new(),
            flows_max: 1 << 20,
            hole_bytes_max: 1 << 20,
            waiting_bytes_max: 256 << 20,
            holes_max: 1024,
            gap_wait_ms: 5000,
            acked_wait_ms: 500,
            acked_segments_max: 24,
            idle_secs: 3600,
            closed_secs: 60,
            duplicates_across: Across::default(),
            pipeline_max: 1024,
            bodies_max: 64 << 20,
            not_http_max: 64,
            checksums: link::Checksums::default(),
            body_hash: false,
            link: link::Limits::default(),
            http: http1::Limits::default(),
        }
    }
}

impl Limits {
    /// What the links have to know.
    #[must_use]
    pub fn link_limits(&self) -> link::Limits {
        link::Limits { checksums: self.checksums, ..self.link.clone() }
    }

    /// What live ports have to know.
    #[must_use]
    pub fn live(&self) -> live::Settings {
        live::Settings {
            interfaces: self.interfaces.clone(),
            listen: self.listen.clone(),
            filter: Some(self.filter.clone()).filter(|filter| !filter.is_empty()),
            snaplen: self.snaplen,
            ring: self.ring,
            promiscuous: self.promiscuous,
        }
    }

    /// The part of one of `shards` shards.
    #[must_use]
    pub fn of_shard(&self, shards: usize) -> Self {
        let bytes = u64::try_from(shards.max(1)).unwrap_or(1);
        Self {
            flows_max: self.flows_max.div_ceil(shards.max(1)),
            waiting_bytes_max: self.waiting_bytes_max.div_ceil(bytes),
            ..self.clone()
        }
    }

    /// What comes late comes soon: of many that were closed the latest are remembered.
    fn closed_max(&self) -> usize {
        (self.flows_max / 8).max(1)
    }

    /// Connections that have said nothing are cheap, and soon speak or never do.
    fn opening_max(&self) -> usize {
        (self.flows_max / 4).max(1)
    }
}

/// What a shard counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Connections seen.
    pub flows: u64,
    /// Of them, joined after their start.
    pub midstream: u64,
    /// Of them, with HTTP in them.
    pub http_flows: u64,
    /// Copies of segments, made by mirroring, dropped.
    pub duplicates: u64,
    /// Connections that were found to be mirrored in several VLANs, and followed as one.
    pub joined: u64,
    /// Connections given up because the table was full.
    pub evicted: u64,
    /// Connections forgotten after their handshake, because there were too many of them.
    pub half_open_evicted: u64,
    /// Connections given up because they were idle.
    pub timed_out: u64,
    /// Requests read.
    pub requests: u64,
    /// Final responses read.
    pub responses: u64,
    /// Exchanges handed over.
    pub exchanges: u64,
    /// Of them, without response.
    pub unanswered: u64,
    /// Of them, without request.
    pub unasked: u64,
    /// Of them, on connections of which one direction was seen only.
    pub one_sided: u64,
    /// Of them, matched by acknowledgement.
    pub repaired: u64,
    /// Times that bodies were dropped because memory for them was short.
    pub bodies_shed: u64,
    /// Connections handed over to something that is no HTTP/1 (CONNECT, Upgrade).
    pub handed_over: u64,
    /// Bytes of them that were not read, being no HTTP/1.
    pub handed_over_bytes: u64,
    /// Connections that began with TLS.
    pub tls: u64,
    /// Connections of which, when they were over, bytes of the client alone had been seen.
    pub only_client: u64,
    /// The same, of the server alone.
    pub only_server: u64,
    /// At present: connections that have said nothing, those that have, and closed ones that are
    /// remembered.
    pub opening_now: u64,
    /// See [`Counters::opening_now`].
    pub open_now: u64,
    /// See [`Counters::opening_now`].
    pub closed_now: u64,
    /// What the streams counted.
    pub streams: StreamCounters,
}

impl Counters {
    /// Adds the counts of another shard.
    pub fn add(&mut self, other: &Self) {
        for (to, from) in [
            (&mut self.flows, other.flows),
            (&mut self.midstream, other.midstream),
            (&mut self.http_flows, other.http_flows),
            (&mut self.duplicates, other.duplicates),
            (&mut self.joined, other.joined),
            (&mut self.evicted, other.evicted),
            (&mut self.half_open_evicted, other.half_open_evicted),
            (&mut self.timed_out, other.timed_out),
            (&mut self.requests, other.requests),
            (&mut self.responses, other.responses),
            (&mut self.exchanges, other.exchanges),
            (&mut self.unanswered, other.unanswered),
            (&mut self.unasked, other.unasked),
            (&mut self.one_sided, other.one_sided),
            (&mut self.repaired, other.repaired),
            (&mut self.bodies_shed, other.bodies_shed),
            (&mut self.handed_over, other.handed_over),
            (&mut self.handed_over_bytes, other.handed_over_bytes),
            (&mut self.tls, other.tls),
            (&mut self.only_client, other.only_client),
            (&mut self.only_server, other.only_server),
            (&mut self.opening_now, other.opening_now),
            (&mut self.open_now, other.open_now),
            (&mut self.closed_now, other.closed_now),
            (&mut self.streams.retransmitted_bytes, other.streams.retransmitted_bytes),
            (&mut self.streams.out_of_order, other.streams.out_of_order),
            (&mut self.streams.overlaps_differing, other.streams.overlaps_differing),
            (&mut self.streams.gaps, other.streams.gaps),
            (&mut self.streams.lost_bytes, other.streams.lost_bytes),
            (&mut self.streams.cut_bytes, other.streams.cut_bytes),
            (&mut self.streams.out_of_window, other.streams.out_of_window),
            (&mut self.streams.waiting_bytes, other.streams.waiting_bytes),
        ] {
            *to = to.saturating_add(from);
        }
    }
}

/// What several parts of a shard need while they work.
pub(crate) struct Work<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) counters: &'a mut Counters,
    pub(crate) out: &'a mut Vec<Exchange>,
    /// Ends of the connection being worked on, the lower first.
    pub(crate) ends: [SocketAddr; 2],
}

/// Puts the connections of one logical shard together.
pub struct Assembler {
    limits: Limits,
    flows: Recent<Key, Box<Flow>>,
    /// Connections that have said nothing yet: a flood of them must not push out those that have.
    opening: Recent<Key, Box<Flow>>,
    /// Connections that were closed: what comes late for them begins nothing.
    closed: Recent<Key, Timestamp>,
    /// Networks in which a connection is seen that is followed in another.
    homes: Homes,
    seen: Seen,
    /// Connections with a hole that is being waited for.
    waiting: Vec<Key>,
    /// Bytes that bodies hold.
    bodies: usize,
    counters: Counters,
}

impl Assembler {
    /// A shard that has seen nothing.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            limits: Limits {
                http: http1::Limits { body_hash: limits.body_hash, ..limits.http.clone() },
                ..limits.clone()
            },
            flows: Recent::default(),
            opening: Recent::default(),
            closed: Recent::default(),
            homes: Homes::default(),
            seen: Seen::default(),
            waiting: Vec::new(),
            bodies: 0,
            counters: Counters::default(),
        }
    }

    /// What was counted.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What was counted, with how many connections there are at present.
    #[must_use]
    pub fn standing(&self) -> Counters {
        let count = |held: usize| u64::try_from(held).unwrap_or(u64::MAX);
        Counters {
            opening_now: count(self.opening.len()),
            open_now: count(self.flows.len()),
            closed_now: count(self.closed.len()),
            ..self.counters
        }
    }

    /// Connections being followed.
    #[must_use]
    pub fn open(&self) -> usize {
        self.flows.len()
    }

    /// Connections of which only the handshake was seen.
    #[must_use]
    pub fn half_open(&self) -> usize {
        self.opening.len()
    }

    /// Takes a segment; exchanges that it completes are pushed.
    pub fn segment(&mut self, segment: &Segment<'_>, out: &mut Vec<Exchange>) {
        let head = &segment.head;
        let opens = head.flags.syn() && !head.flags.ack();
        let key = self.homes.of(Key::of(head), opens, head.mark.time);
        if self.is_copy(key, segment) {
            self.counters.duplicates = self.counters.duplicates.saturating_add(1);
        } else if !self.known(key, segment, out) {
            let home = self.home(key, segment);
            if home == key || !self.known(home, segment, out) {
                self.begin(home, segment, out);
            }
        }
    }

    /// Whether a segment is one that was seen already. Only while its connection is open: ports
    /// that are used again may carry the same.
    fn is_copy(&mut self, key: Key, segment: &Segment<'_>) -> bool {
        let flags = segment.head.flags;
        if segment.payload.is_empty() && !flags.syn() && !flags.fin() {
            return false;
        }
        let across = self.limits.duplicates_across;
        let Some(earlier) = self.seen.look(&key, segment, across) else { return false };
        let home = key.within(earlier.network);
        let open =
            |flow: Option<&mut Box<Flow>>| flow.is_some_and(|flow| flow.opened() <= earlier.time);
        if home == key {
            return open(self.flows.get_mut(&key)) || open(self.opening.get_mut(&key));
        }
        // A handshake may be alike by chance; bytes that were said with the same numbers are not.
        if segment.payload.is_empty()
            || !open(self.flows.get_mut(&home))
            || self.flows.get_mut(&key).is_some()
        {
            return false;
        }
        if self.opening.remove(&key).is_some() {
            self.counters.flows = self.counters.flows.saturating_sub(1);
        }
        self.join(key, home.network(), segment.head.mark.time);
        true
    }

    /// The network in which the connection is followed that this segment can only be of: its
    /// numbers go on where that one's are.
    fn home(&mut self, key: Key, segment: &Segment<'_>) -> Key {
        let across = self.limits.duplicates_across;
        let own = key.network();
        for network in self.homes.elsewhere(&key) {
            let home = key.within(network);
            if !across.joins(network, own) {
                continue;
            }
            let flow = match self.flows.get_mut(&home) {
                Some(flow) => Some(flow),
                None => self.opening.get_mut(&home),
            };
            let fits = flow.is_some_and(|flow| {
                // Of one network only the way differs, and as a rule it does.
                let same = network.digest == own.digest;
                if same { flow.goes_on_with(segment) } else { flow.is_answered_by(segment) }
            });
            if fits {
                self.join(key, network, segment.head.mark.time);
                return home;
            }
        }
        key
    }

    fn join(&mut self, key: Key, network: Network, now: Timestamp) {
        if network.digest != key.network().digest {
            self.counters.joined = self.counters.joined.saturating_add(1);
        }
        self.homes.join(key, network, now, self.limits.flows_max);
    }

    /// Gives a segment to the connection it is of; `false` where it begins another.
    fn known(&mut self, key: Key, segment: &Segment<'_>, out: &mut Vec<Exchange>) -> bool {
        let head = &segment.head;
        let opens = head.flags.syn() && !head.flags.ack();
        let (spoke, found) = match self.flows.touch(&key) {
            Some(flow) => (true, Some(flow)),
            None => (false, self.opening.touch(&key)),
        };
        let Some(flow) = found else {
            // Of a connection that was closed nothing begins anew but by a SYN.
            let late = self.closed.touch(&key).is_some();
            if late && opens {
                self.closed.remove(&key);
            }
            return late && !opens;
        };
        let (limits, counters) = (&self.limits, &mut self.counters);
        let mut work = Work { limits, counters, out, ends: key.ends() };
        let renewed = opens && flow.is_another(head);
        let waited = flow.is_waiting();
        if !renewed {
            flow.segment(segment, &mut work);
            if !segment.payload.is_empty() && flow.weigh(&mut self.bodies, head.mark, &mut work) {
                work.counters.bodies_shed = work.counters.bodies_shed.saturating_add(1);
            }
        }
        let speaks = !spoke && flow.has_spoken();
        if !waited && flow.is_waiting() {
            self.waiting.push(key);
        }
        if renewed || flow.is_over() {
            let table = if spoke { &mut self.flows } else { &mut self.opening };
            if let Some(mut flow) = table.remove(&key) {
                self.bodies = self.bodies.saturating_sub(flow.weight());
                flow.finish(head.mark, &mut work);
                // A reset before any byte may be one that the peers did not take, a forged one
                // say: what is said afterwards is then worth hearing.
                if !renewed && flow.has_carried() {
                    self.closed.insert(key, head.mark.time);
                }
            }
        } else if speaks && let Some(flow) = self.opening.remove(&key) {
            self.follow(key, flow, head.mark, out);
        }
        !renewed
    }

    fn begin(&mut self, key: Key, segment: &Segment<'_>, out: &mut Vec<Exchange>) {
        let head = &segment.head;
        // What can't begin a connection that carries anything is not worth an entry.
        if head.flags.rst() || (segment.payload.is_empty() && !head.flags.syn()) {
            return;
        }
        self.homes.begin(&key, self.limits.flows_max);
        let (limits, counters) = (&self.limits, &mut self.counters);
        let mut flow = Box::new(Flow::new(head, counters));
        let mut work = Work { limits, counters, out, ends: key.ends() };
        flow.segment(segment, &mut work);
        if flow.weigh(&mut self.bodies, head.mark, &mut work) {
            work.counters.bodies_shed = work.counters.bodies_shed.saturating_add(1);
        }
        if flow.is_waiting() {
            self.waiting.push(key);
        }
        if flow.has_spoken() {
            return self.follow(key, flow, head.mark, out);
        }
        while self.opening.len() >= self.limits.opening_max() {
            self.counters.half_open_evicted = self.counters.half_open_evicted.saturating_add(1);
            if self.opening.pop_oldest().is_none() {
                break;
            }
        }
        self.opening.insert(key, flow);
    }

    /// Nothing more of the connection of `head` will be shown: what it holds is handed over.
    pub fn cut(&mut self, head: &SegmentHead, out: &mut Vec<Exchange>) {
        let key = self.homes.of(Key::of(head), false, head.mark.time);
        let spoke = self.flows.remove(&key);
        if let Some(mut flow) = spoke.or_else(|| self.opening.remove(&key)) {
            self.bodies = self.bodies.saturating_sub(flow.weight());
            let (limits, counters) = (&self.limits, &mut self.counters);
            flow.finish(head.mark, &mut Work { limits, counters, out, ends: key.ends() });
        }
    }

    /// Gives up one in `share` of the connections, those idle longest, and what is remembered of
    /// closed ones: memory is short.
    pub fn evict(&mut self, share: usize, now: Mark, out: &mut Vec<Exchange>) {
        let keep = |held: usize| held.saturating_sub(held.div_ceil(share.max(1)));
        let (flows, opening) = (keep(self.flows.len()), keep(self.opening.len()));
        while self.flows.len() > flows {
            self.evict_oldest(now, out);
        }
        while self.opening.len() > opening {
            self.counters.half_open_evicted = self.counters.half_open_evicted.saturating_add(1);
            if self.opening.pop_oldest().is_none() {
                break;
            }
        }
        self.closed = Recent::default();
    }

    fn evict_oldest(&mut self, now: Mark, out: &mut Vec<Exchange>) {
        let Some((key, mut oldest)) = self.flows.pop_oldest() else { return };
        self.bodies = self.bodies.saturating_sub(oldest.weight());
        self.counters.evicted = self.counters.evicted.saturating_add(1);
        let (limits, counters) = (&self.limits, &mut self.counters);
        oldest.finish(now, &mut Work { limits, counters, out, ends: key.ends() });
    }

    /// A connection has begun to say something.
    fn follow(&mut self, key: Key, flow: Box<Flow>, now: Mark, out: &mut Vec<Exchange>) {
        while self.flows.len() >= self.limits.flows_max.max(1) {
            self.evict_oldest(now, out);
        }
        self.flows.insert(key, flow);
    }

    /// Packet time has reached `now` (a whole second, the same for every shard); `packet` is the
    /// number of the packet that carried it there.
    pub fn tick(&mut self, now: Timestamp, packet: u64, out: &mut Vec<Exchange>) {
        let mark = Mark { time: now, packet };
        let (limits, counters) = (&self.limits, &mut self.counters);
        let mut work = Work { limits, counters, out, ends: Key::default().ends() };
        let mut still = Vec::new();
        for key in core::mem::take(&mut self.waiting) {
            let Some(flow) = self.flows.get_mut(&key) else { continue };
            work.ends = key.ends();
            flow.tick(mark, &mut work);
            if flow.is_waiting() {
                still.push(key);
            }
        }
        self.waiting = still;
        let idle = Duration::from_secs(self.limits.idle_secs);
        while self.flows.oldest().is_some_and(|(_, flow)| now.since(flow.last()) > idle) {
            let Some((key, mut flow)) = self.flows.pop_oldest() else { break };
            self.bodies = self.bodies.saturating_sub(flow.weight());
            work.counters.timed_out = work.counters.timed_out.saturating_add(1);
            work.ends = key.ends();
            flow.finish(mark, &mut work);
        }
        while self.opening.oldest().is_some_and(|(_, flow)| now.since(flow.last()) > idle) {
            self.opening.pop_oldest();
            work.counters.timed_out = work.counters.timed_out.saturating_add(1);
        }
        self.homes.tick(now, idle);
        let remembered = Duration::from_secs(self.limits.closed_secs);
        while self.closed.len() > self.limits.closed_max()
            || self.closed.oldest().is_some_and(|(_, at)| now.since(*at) > remembered)
        {
            if self.closed.pop_oldest().is_none() {
                break;
            }
        }
    }

    /// The capture has ended: what is open is handed over as far as it was seen.
    pub fn finish(&mut self, mark: Mark, out: &mut Vec<Exchange>) {
        self.finish_some(usize::MAX, mark, out);
    }

    /// The same of at most so many connections, those idle longest first, so that what many hold
    /// need not be held once more at one time. Once none is left nothing else is kept either.
    pub fn finish_some(&mut self, most: usize, mark: Mark, out: &mut Vec<Exchange>) {
        let (limits, counters) = (&self.limits, &mut self.counters);
        let mut work = Work { limits, counters, out, ends: Key::default().ends() };
        for _ in 0..most {
            let Some((key, mut flow)) = self.flows.pop_oldest() else { break };
            work.ends = key.ends();
            flow.finish(mark, &mut work);
        }
        if !self.flows.is_empty() {
            return;
        }
        // Whatever is left is not needed any more, and there may be a lot of it.
        (self.flows, self.opening, self.closed) =
            (Recent::default(), Recent::default(), Recent::default());
        (self.homes, self.seen, self.waiting) = (Homes::default(), Seen::default(), Vec::new());
    }
}

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod order_tests;
#[cfg(test)]
mod running_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod unsent_tests;
#[cfg(test)]
mod way_tests;
#[cfg(test)]
mod wire_tests;

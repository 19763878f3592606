@testable import BetaPoolCore

/// A pool and its surroundings as a closed queueing network in simulated time, so that policies are judged without a clock and for machines
/// that are not at hand: threads take tasks, tasks go through stages, stages have their own servers.
final class Plant {
    enum Stage {
        /// Computes with the host's lock held, where there is one.
        case compute(Double)
        /// Computes without the lock (hashing, compression, NumPy).
        case computeUnlocked(Double)
        /// Waits: side by side with all others.
        case wait(Double)
        /// Is served by something outside that serves `outsideServers` at a time.
        case outside(Double)
    }

    /// A queue in front of equal servers, with round robin.
    private struct Station {
        var servers: Int
        let quantum: Double
        /// Each start of service costs this much more for each one that waits: lock convoys and tours of the run queue.
        let convoyCost: Double
        var busy = 0
        var queue: [(thread: Int, left: Double)] = []
        var head = 0

        var waiting: Int { queue.count - head }
    }

    private enum Place {
        case parked
        case queued(Int)
        case served(Int)
        case asleep
    }

    private struct Event {
        let time: Double
        let order: Int
        let kind: Kind

        enum Kind {
            case advance(thread: Int, station: Int?, left: Double)
            case arrival
        }
    }

    private static let lockStation = 0
    private static let coreStation = 1
    private static let outsideStation = 2

    let cores: Int
    private let hasLock: Bool
    private var stations: [Station]
    private var random: SeededGenerator
    /// The stages of the next task; may look at the time, to shift.
    var work: (_ now: Double, inout SeededGenerator) -> [Stage]
    /// Tasks per second; nil: there is always another task.
    var arrivals: ((_ now: Double) -> Double)?

    /// Seconds that a new thread takes to get going: its first task ends so much later.
    private let threadStart: Double

    private(set) var now = 0.0
    private(set) var completed: UInt64 = 0
    private(set) var started: UInt64 = 0
    private var backlog = 0
    private var queueTime = 0.0
    private var places: [Place] = []
    private var plans: [[Stage]] = []
    private var limit = 0
    private var active = 0
    private var parked: [Int] = []
    private var events: [Event] = []
    private var order = 0

    init(
        cores: Int, hasLock: Bool, convoyCost: Double = 0, outsideServers: Int = 1 << 30, threadStart: Double = 0,
        seed: UInt64 = 1, work: @escaping (Double, inout SeededGenerator) -> [Stage]
    ) {
        self.cores = cores
        self.hasLock = hasLock
        self.threadStart = threadStart
        self.work = work
        random = SeededGenerator(seed: seed)
        stations = [
            Station(servers: 1, quantum: 0.005, convoyCost: convoyCost),
            Station(servers: cores, quantum: 0.004, convoyCost: convoyCost),
            Station(servers: outsideServers, quantum: .infinity, convoyCost: 0),
        ]
    }

    func setOutsideServers(_ count: Int) {
        stations[Self.outsideStation].servers = count
        serve(Self.outsideStation)
    }

    func setThreads(_ count: Int) {
        limit = count
        dispatch()
    }

    func run(until end: Double) {
        if events.isEmpty, arrivals != nil { schedule(.arrival, after: 0) }
        dispatch()
        while let event = events.first, event.time <= end {
            pop()
            queueTime += Double(backlog) * (event.time - now)
            now = event.time
            switch event.kind {
            case .arrival:
                backlog += 1
                dispatch()
                schedule(.arrival, after: random.exponential(mean: 1 / max(arrivals!(now), 1e-3)))
            case .advance(let thread, let station, let left):
                if let station { finishSlice(thread, station, left: left) } else { advance(thread) }
            }
        }
        now = end
    }

    /// Tasks that waited for a thread, as a mean over time.
    var meanQueueLength: Double { queueTime / now }
    var queueLength: Int { arrivals == nil ? 1_000_000 : backlog }
    var busy: Int { active }

    /// What a sampler with a limited number of reads sees.
    func sample(reads: Int) -> Occupancy {
        var occupancy = Occupancy()
        let candidates = places.indices.filter { if case .parked = places[$0] { false } else { true } }
        guard !candidates.isEmpty else { return occupancy }
        let share = Double(candidates.count) / Double(min(reads, candidates.count))
        for index in candidates.shuffled(using: &random).prefix(reads) {
            switch places[index] {
            case .queued(Self.lockStation): occupancy.contending += share
            case .queued(Self.coreStation), .served(Self.lockStation), .served(Self.coreStation): occupancy.running += share
            default: occupancy.waiting += share
            }
        }
        return occupancy
    }

    // MARK: Threads

    private func dispatch() {
        while active < limit, arrivals == nil || backlog > 0 {
            active += 1
            if let last = parked.popLast() {
                take(last)
            } else {
                places.append(.parked)
                plans.append([])
                take(places.count - 1, late: threadStart)
            }
        }
    }

    private func take(_ thread: Int, late: Double = 0) {
        if arrivals != nil { backlog -= 1 }
        started += 1
        plans[thread] = work(now, &random).reversed()
        if late > 0 { plans[thread].append(.wait(late)) }
        advance(thread)
    }

    private func advance(_ thread: Int) {
        guard let stage = plans[thread].popLast() else {
            completed += 1
            if active <= limit, arrivals == nil || backlog > 0 {
                take(thread)
            } else {
                places[thread] = .parked
                parked.append(thread)
                active -= 1
            }
            return
        }
        switch stage {
        case .wait(let seconds):
            places[thread] = .asleep
            schedule(.advance(thread: thread, station: nil, left: 0), after: seconds)
        case .compute(let seconds): enter(hasLock ? Self.lockStation : Self.coreStation, thread, seconds)
        case .computeUnlocked(let seconds): enter(Self.coreStation, thread, seconds)
        case .outside(let seconds): enter(Self.outsideStation, thread, seconds)
        }
    }

    // MARK: Stations

    private func enter(_ station: Int, _ thread: Int, _ seconds: Double) {
        stations[station].queue.append((thread, seconds))
        places[thread] = .queued(station)
        serve(station)
    }

    private func serve(_ station: Int) {
        while stations[station].busy < stations[station].servers, stations[station].waiting > 0 {
            let (thread, left) = stations[station].queue[stations[station].head]
            stations[station].head += 1
            if stations[station].head > 1000 {
                stations[station].queue.removeFirst(stations[station].head)
                stations[station].head = 0
            }
            stations[station].busy += 1
            places[thread] = .served(station)
            let slice = min(left, stations[station].quantum)
            let convoy = stations[station].convoyCost * Double(stations[station].waiting)
            schedule(.advance(thread: thread, station: station, left: left - slice), after: slice + convoy)
        }
    }

    private func finishSlice(_ thread: Int, _ station: Int, left: Double) {
        stations[station].busy -= 1
        if left > 1e-12 {
            enter(station, thread, left)
        } else {
            serve(station)
            advance(thread)
        }
    }

    // MARK: Events, in a binary heap

    private func schedule(_ kind: Event.Kind, after seconds: Double) {
        order += 1
        events.append(Event(time: now + seconds, order: order, kind: kind))
        var child = events.count - 1
        while child > 0, isEarlier(child, than: (child - 1) / 2) {
            events.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    private func pop() {
        events.swapAt(0, events.count - 1)
        events.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < events.count && isEarlier(child, than: least) { least = child }
            if least == parent { return }
            events.swapAt(parent, least)
            parent = least
        }
    }

    private func isEarlier(_ one: Int, than other: Int) -> Bool {
        (events[one].time, events[one].order) < (events[other].time, events[other].order)
    }
}

extension SeededGenerator {
    mutating func exponential(mean: Double) -> Double {
        -mean * Double.random(in: .leastNonzeroMagnitude..<1, using: &self).logarithm
    }
}

import Glibc

extension Double {
    fileprivate var logarithm: Double { log(self) }
}

/// What it costs to look, in seconds of CPU: to be woken for it, and to read what one thread is doing.
struct LookCost {
    var wake = 0.0
    var read = 0.0
}

/// A policy at work in a plant, with the rhythm of the real ticker.
struct Course {
    private(set) var threads: [(time: Double, count: Int)] = []
    private(set) var decisions: [Decision] = []
    /// Threads that were looked at between two ticks.
    private(set) var looks: [(time: Double, count: Int, cpu: Double)] = []
    private var completedAt: [(time: Double, completed: UInt64)] = []

    static func run(
        _ plant: Plant, settings: Settings, seconds: Double, isBlind: Bool = false, cost: LookCost = LookCost(),
        event: (Double, Plant) -> Void = { _, _ in }
    ) throws -> Course {
        var course = Course()
        try withController(settings) { controller in
            plant.setThreads(controller.threads)
            var rhythm = Rhythm()
            var time = 0.0
            var cpu = 0.0
            rhythm.begin(now: time, interval: controller.pace, cpu: cpu)
            while time < seconds {
                var sum = Occupancy()
                var samples = 0.0
                var peak = 0
                var looks = 0
                repeat {
                    time = rhythm.nextSample
                    plant.run(until: time)
                    let reads = min(rhythm.reads, plant.busy)
                    sum = sum.plus(plant.sample(reads: rhythm.reads), times: 1)
                    samples += 1
                    peak = max(peak, plant.busy)
                    looks += reads
                    cpu += cost.wake + cost.read * Double(reads)
                } while !rhythm.isTickDue(now: time)
                let mean = Occupancy().plus(sum, times: 1 / samples)
                course.looks.append((time, looks, cpu))
                event(time, plant)
                var load = Load(queueLength: UInt64(plant.queueLength), started: plant.started, completed: plant.completed)
                load.peakBusy = peak
                load.occupancy = isBlind ? nil : mean
                load.cores = Double(plant.cores)
                load.capacity = load.cores
                load.cpuRate = min(mean.running, load.cores)
                let decision = controller.tick(now: time, load: load)
                plant.setThreads(decision.threads)
                course.decisions.append(decision)
                course.threads.append((time, decision.threads))
                course.completedAt.append((time, plant.completed))
                rhythm.begin(now: time, interval: controller.pace, cpu: cpu)
            }
        }
        return course
    }

    func rate(from start: Double, to end: Double) -> Double {
        let (first, last) = span(completedAt, from: start, to: end, by: \.time)
        return Double(last.completed - first.completed) / (last.time - first.time)
    }

    /// What looking has cost, of one core.
    func share(from start: Double, to end: Double) -> Double {
        let (first, last) = span(looks, from: start, to: end, by: \.time)
        return (last.cpu - first.cpu) / (last.time - first.time)
    }

    private func span<Row>(_ rows: [Row], from start: Double, to end: Double, by time: (Row) -> Double) -> (Row, Row) {
        (rows.first { time($0) >= start }!, rows.last { time($0) <= end }!)
    }

    func counts(from start: Double, to end: Double = .infinity) -> [Int] {
        threads.filter { $0.time >= start && $0.time <= end }.map(\.count)
    }

    func meanCount(from start: Double, to end: Double = .infinity) -> Double {
        let counts = counts(from: start, to: end)
        return Double(counts.reduce(0, +)) / Double(counts.count)
    }
}

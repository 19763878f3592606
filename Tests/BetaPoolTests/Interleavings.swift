/// The pool's protocol of claims, sleep and wake-ups as a model small enough that every interleaving of its threads can be tried.
///
/// What the pool does with its lock held is one step, as is each operation on a word that threads share without it: the wake word and its
/// futex (Parking.swift), and the progress of a claim (Claim.swift). Whoever unlocks says whether the door is open: whether a task may be
/// submitted without a look at anything else (Submission.swift). Whether an idle worker looks out, how long, and how many tasks are claimed
/// of those that may be, is left open: all are tried.
struct Interleavings {
    /// What a pool could do wrong, to see that it would be found.
    enum Mistake {
        case none
        /// A worker sleeps without recalling what others have claimed.
        case sleepsOnClaims
        /// A worker claims several tasks while another is asleep.
        case claimsBesideSleepers
        /// A worker that takes a task does not wake the next one for the rest.
        case breaksTheChain
        /// A waker does not look whether a worker is on the lookout, and takes it that it need not be woken.
        case trustsTheLookout
        /// A worker that goes to sleep leaves the door as it was.
        case leavesTheDoorOpen
        /// What is recalled is not taken from its owner.
        case recallsTwice
    }

    let workers: Int
    /// For each client the tasks it submits, one by one. The first client then waits for all, shuts down and joins.
    let clients: [[UInt8]]
    /// Tasks that end only after another one has run: TASK: OTHER.
    var dependencies: [UInt8: UInt8] = [:]
    var mistake = Mistake.none

    struct Outcome {
        var states = 0
        /// nil, or what went wrong.
        var failure: String?
    }

    func explore() -> Outcome {
        var outcome = Outcome()
        var seen: Set<ModelState> = []
        var open = [ModelState(workers: workers, clients: clients.count)]
        while let state = open.popLast() {
            guard seen.insert(state).inserted else { continue }
            outcome.states += 1
            let next = successors(of: state)
            open += next
            if let task = state.ranTwice {
                outcome.failure = "task \(task) ran twice"
            } else if next.isEmpty, !isEnd(state) {
                outcome.failure = "nobody can go on: \(state)"
            }
            if outcome.failure != nil { break }
        }
        return outcome
    }

    private func isEnd(_ state: ModelState) -> Bool {
        let tasks = clients.joined().reduce(UInt16(0)) { $0 | 1 << UInt16($1) }
        return state.ran == tasks && state.workers.allSatisfy { $0.place == .gone } && state.clients.allSatisfy { $0.place == .done }
    }

    private func successors(of state: ModelState) -> [ModelState] {
        var next: [ModelState] = []
        for index in state.workers.indices { stepWorker(index, state, &next) }
        for index in state.clients.indices { stepClient(index, state, &next) }
        return next
    }
}

struct ModelState: Hashable {
    enum Word: UInt8 {
        case asleep, called, lookout
    }

    struct Worker: Hashable {
        enum Place: UInt8 {
            /// About to take the lock and look for work.
            case lock
            /// About to wake somebody; then to run what it claimed, or to look at its own word.
            case wakeThenRun, wakeThenCheck, wakeThenEnd
            /// In the middle of a claim.
            case take, task, conclude
            case lookout, check, futex, kernel, back
            case gone
        }

        var place = Place.lock
        var word = Word.called
        var claim: [UInt8] = []
        var started = 0
        var counted = 0
        var task: UInt8 = 0
        var hasLookout = false
        var target: Int?
    }

    struct Client: Hashable {
        enum Place: UInt8 {
            case submit, wake, wait, waitFutex, waitKernel, shutDown, wakeIdle, callIdle, join, joinFutex, joinKernel, done
        }

        var place = Place.submit
        var submitted = 0
        var target: Int?
        var edition: UInt8 = 0
    }

    var queue: [UInt8] = []
    var ran: UInt16 = 0
    var ranTwice: UInt8?
    /// The next one to be called first.
    var idle: [Int] = []
    var waking = 0
    var running = 0
    var claimed = 0
    var edition: UInt8 = 0
    var isLookoutTaken = false
    var isOpen = true
    var isDoorOpen = false
    var workers: [Worker]
    var clients: [Client]

    init(workers: Int, clients: Int) {
        self.workers = Array(repeating: Worker(), count: workers)
        self.clients = Array(repeating: Client(), count: clients)
    }
}

// MARK: Workers

extension Interleavings {
    private func stepWorker(_ index: Int, _ state: ModelState, _ next: inout [ModelState]) {
        let worker = state.workers[index]
        func then(_ change: (inout ModelState) -> Void) {
            var state = state
            change(&state)
            next.append(state)
        }
        switch worker.place {
        case .lock: lookForWork(index, state, &next)
        case .wakeThenRun, .wakeThenCheck, .wakeThenEnd:
            then {
                wake(worker.target, &$0)
                $0.workers[index].target = nil
                $0.workers[index].place =
                    switch worker.place {
                    case .wakeThenRun: .task
                    case .wakeThenCheck: .check
                    default: .gone
                    }
            }
        case .take:
            then {
                if worker.started < worker.claim.count {
                    $0.workers[index].task = worker.claim[worker.started]
                    $0.workers[index].started += 1
                    $0.workers[index].place = .task
                } else {
                    $0.workers[index].place = .conclude
                }
            }
        case .task:
            if let other = dependencies[worker.task], state.ran & 1 << UInt16(other) == 0 { return }
            then {
                if $0.ran & 1 << UInt16(worker.task) != 0 { $0.ranTwice = worker.task }
                $0.ran |= 1 << UInt16(worker.task)
                $0.workers[index].place = .take
            }
        case .conclude:
            then {
                recall(index, &$0)
                $0.workers[index].claim = []
                $0.workers[index].started = 0
                $0.running -= 1
                if $0.running == 0, $0.queue.isEmpty { announce(&$0) }
                unlock(&$0)
                $0.workers[index].place = .lock
            }
        case .lookout:
            if worker.word != .lookout {
                then { $0.workers[index].place = .back }
                return
            }
            then {  // in vain
                $0.workers[index].word = .asleep
                giveLookoutBack(index, &$0)
                recallAll(&$0)
                $0.workers[index].target = callForWork(&$0)
                unlock(&$0)
                $0.workers[index].place = .wakeThenCheck
            }
        case .check: then { $0.workers[index].place = worker.word == .called ? .back : .futex }
        case .futex: then { $0.workers[index].place = worker.word == .asleep ? .kernel : .check }
        case .back:
            then {
                $0.waking -= 1
                if worker.hasLookout { giveLookoutBack(index, &$0) }
                unlock(&$0)
                $0.workers[index].place = .lock
            }
        case .kernel, .gone: break
        }
    }

    private func lookForWork(_ index: Int, _ state: ModelState, _ next: inout [ModelState]) {
        if !state.queue.isEmpty {
            let mayClaimMore = mistake == .claimsBesideSleepers || state.idle.allSatisfy { state.workers[$0].word == .lookout }
            for count in 1...(mayClaimMore ? state.queue.count : 1) {
                var state = state
                state.workers[index].claim = Array(state.queue.prefix(count))
                state.queue.removeFirst(count)
                state.workers[index].started = 1
                state.workers[index].task = state.workers[index].claim[0]
                state.workers[index].counted = count - 1
                state.claimed += count - 1
                state.running += 1
                state.workers[index].target = mistake == .breaksTheChain ? nil : callForWork(&state)
                unlock(&state)
                state.workers[index].place = .wakeThenRun
                next.append(state)
            }
        } else if state.isOpen {
            if !state.isLookoutTaken { park(index, onLookout: true, state, &next) }
            park(index, onLookout: false, state, &next)
        } else if state.claimed > 0 {
            var state = state
            recallAll(&state)
            unlock(&state)
            next.append(state)
        } else {
            var state = state
            state.workers[index].target = callForWork(&state)
            state.workers[index].place = .wakeThenEnd
            announce(&state)
            unlock(&state)
            next.append(state)
        }
    }

    private func park(_ index: Int, onLookout: Bool, _ state: ModelState, _ next: inout [ModelState]) {
        var state = state
        if !onLookout, mistake != .sleepsOnClaims { recallAll(&state) }
        if state.queue.isEmpty {
            state.isLookoutTaken = state.isLookoutTaken || onLookout
            state.workers[index].hasLookout = onLookout
            state.workers[index].word = onLookout ? .lookout : .asleep
            if let first = state.idle.first, state.workers[first].word == .lookout {
                state.idle.insert(index, at: 1)
            } else {
                state.idle.insert(index, at: 0)
            }
            state.workers[index].place = onLookout ? .lookout : .check
        }
        if mistake != .leavesTheDoorOpen { unlock(&state) }
        next.append(state)
    }

    private func giveLookoutBack(_ index: Int, _ state: inout ModelState) {
        state.workers[index].hasLookout = false
        state.isLookoutTaken = false
    }

    private func recallAll(_ state: inout ModelState) {
        for index in state.workers.indices where state.workers[index].counted > 0 { recall(index, &state) }
    }

    private func recall(_ index: Int, _ state: inout ModelState) {
        state.claimed -= state.workers[index].counted
        state.workers[index].counted = 0
        let started = state.workers[index].started
        state.queue.insert(contentsOf: state.workers[index].claim.dropFirst(started), at: 0)
        if mistake != .recallsTwice { state.workers[index].claim.removeSubrange(started...) }
    }

    private func announce(_ state: inout ModelState) {
        state.edition &+= 1
        for index in state.clients.indices {
            switch state.clients[index].place {
            case .waitKernel: state.clients[index].place = .wait
            case .joinKernel: state.clients[index].place = .join
            default: break
            }
        }
    }
}

// MARK: Wake-ups

extension Interleavings {
    /// Opens or shuts the door.
    private func unlock(_ state: inout ModelState) {
        state.isDoorOpen = state.isOpen && (state.idle.isEmpty || state.waking > 0)
    }

    /// Who is to be woken, if anybody.
    private func callForWork(_ state: inout ModelState) -> Int? {
        guard !state.queue.isEmpty, state.waking == 0 else { return nil }
        return takeIdle(&state)
    }

    private func takeIdle(_ state: inout ModelState) -> Int? {
        guard !state.idle.isEmpty else { return nil }
        let index = state.idle.removeFirst()
        state.waking += 1
        let wasOnLookout = state.workers[index].word == .lookout || mistake == .trustsTheLookout
        state.workers[index].word = .called
        return wasOnLookout ? nil : index
    }

    private func wake(_ index: Int?, _ state: inout ModelState) {
        if let index, state.workers[index].place == .kernel { state.workers[index].place = .check }
    }
}

// MARK: Clients

extension Interleavings {
    private func stepClient(_ index: Int, _ state: ModelState, _ next: inout [ModelState]) {
        let client = state.clients[index]
        var state = state
        func go(to place: ModelState.Client.Place) {
            state.clients[index].place = place
            next.append(state)
        }
        switch client.place {
        case .submit:
            guard client.submitted < clients[index].count else { return go(to: index == 0 ? .wait : .done) }
            state.queue.append(clients[index][client.submitted])
            state.clients[index].submitted += 1
            if state.isDoorOpen { return go(to: .submit) }
            state.clients[index].target = callForWork(&state)
            unlock(&state)
            go(to: .wake)
        case .wake:
            wake(client.target, &state)
            state.clients[index].target = nil
            go(to: .submit)
        case .wait:
            guard state.clients[1...].allSatisfy({ $0.place == .done }) else { return }
            if state.queue.isEmpty, state.running == 0 { return go(to: .shutDown) }
            state.clients[index].edition = state.edition
            go(to: .waitFutex)
        case .waitFutex: go(to: client.edition == state.edition ? .waitKernel : .wait)
        case .shutDown:
            state.isOpen = false
            unlock(&state)
            go(to: .wakeIdle)
        case .wakeIdle:
            guard !state.idle.isEmpty else { return go(to: .join) }
            state.clients[index].target = takeIdle(&state)
            unlock(&state)
            go(to: .callIdle)
        case .callIdle:
            wake(client.target, &state)
            state.clients[index].target = nil
            go(to: .wakeIdle)
        case .join:
            if state.workers.allSatisfy({ $0.place == .gone || $0.place == .wakeThenEnd }) { return go(to: .done) }
            state.clients[index].edition = state.edition
            go(to: .joinFutex)
        case .joinFutex: go(to: client.edition == state.edition ? .joinKernel : .join)
        case .waitKernel, .joinKernel, .done: break
        }
    }
}

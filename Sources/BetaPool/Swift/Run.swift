import Synchronization

extension AdaptiveThreadPool {
    /// Runs a function on a thread of the pool and returns what it returns. The caller is suspended meanwhile, and blocks no thread.
    ///
    /// If the caller's task is cancelled before the function has started, this throws at once and the function is never called. Once
    /// started, it runs to its end.
    /// - Throws: What the function throws; `CancellationError` if the caller was cancelled in time, or the pool shut down with
    ///   ``ShutdownMode/cancel``; or a ``BetaPoolError``, as ``submit(_:onCancel:)``.
    public func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        let call = Call<Value>()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                guard call.begin(body, continuation) else { return continuation.resume(throwing: CancellationError()) }
                do {
                    try submit({ call.run() }, onCancel: { call.fail(CancellationError()) })
                } catch {
                    call.fail(error)
                }
            }
        } onCancel: {
            call.fail(CancellationError())
        }
    }
}

/// One call of `run`. Whoever takes it out of the queue resumes the caller: a worker, the caller's cancellation, or the end of the pool.
private final class Call<Value: Sendable>: Sendable {
    typealias Continuation = CheckedContinuation<Value, any Error>

    private enum State {
        case new
        case queued(@Sendable () throws -> Value, Continuation)
        case taken
    }

    private let state = Mutex(State.new)

    /// False if the call has failed already.
    func begin(_ body: @escaping @Sendable () throws -> Value, _ continuation: Continuation) -> Bool {
        state.withLock { state in
            guard case .new = state else { return false }
            state = .queued(body, continuation)
            return true
        }
    }

    func run() {
        guard case .queued(let body, let continuation) = take() else { return }
        continuation.resume(with: Result { try body() })
    }

    func fail(_ error: any Error) {
        guard case .queued(_, let continuation) = take() else { return }
        continuation.resume(throwing: error)
    }

    private func take() -> State {
        state.withLock { state in
            defer { state = .taken }
            return state
        }
    }
}

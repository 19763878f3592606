/// Algorithm 1 of the paper, to the letter.
///
/// The paper leaves two things open. An interval without a completed task has no beta: the mean is held. Nothing says that an empty queue
/// resets c_up: it does not.
struct PaperPolicy {
    private var beta_ewma = SmoothedBeta()
    private var c_up = 0

    mutating func decide(N threads: Int, Q: UInt64, beta_sample: Double?, _ settings: Settings) -> Verdict {
        let (N_min, N_max) = (settings.minThreads, settings.maxThreads)
        let (beta_thresh, alpha, H) = (settings.betaThreshold, settings.alpha, settings.hysteresis)
        var N = threads
        var why = Why(.nothingQueued)

        beta_ewma.add(beta_sample, alpha: alpha)  // beta_ewma = alpha * beta_sample + (1 - alpha) * beta_ewma
        if Q > 0 {
            if beta_ewma.value > beta_thresh {
                c_up += 1
                why = Why(.blocking, Double(c_up), Double(H))
                if c_up >= H {
                    N = min(N + 1, N_max)
                    c_up = 0
                    why = N > threads ? Why(.blockingLongEnough, beta_ewma.value, beta_thresh) : Why(.atMaximum, Double(N_max))
                }
            } else {
                c_up = 0
                why = Why(.cpuSaturated, beta_ewma.value, beta_thresh)  // VETO, whatever the queue length
            }
        }
        if Q == 0, N > N_min {
            N = max(N - 1, N_min)
        }
        return Verdict(threads: N, why: why)
    }
}

/// No control: always the most threads allowed.
struct FixedPolicy {
    func decide(_ settings: Settings) -> Verdict {
        Verdict(threads: settings.maxThreads, why: Why(.fixed))
    }
}

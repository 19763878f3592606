import CSystem

/// Text built in memory that the caller owns, cut where that ends and always terminated, as snprintf does it.
struct Text {
    private let memory: UnsafeMutableBufferPointer<CChar>
    /// Length of the whole text, were there room for it.
    private(set) var length = 0

    init(in memory: UnsafeMutableBufferPointer<CChar>) {
        self.memory = memory
        if memory.count > 0 { memory[0] = 0 }
    }

    var wasCut: Bool { length >= memory.count }

    mutating func append(_ byte: UInt8) {
        if length + 1 < memory.count {
            memory[length] = CChar(bitPattern: byte)
            memory[length + 1] = 0
        }
        length += 1
    }

    mutating func append(_ text: StaticString) {
        for index in 0..<text.utf8CodeUnitCount { append(text.utf8Start[index]) }
    }

    mutating func append(cString text: UnsafePointer<CChar>) {
        var next = text
        while next.pointee != 0 {
            append(UInt8(bitPattern: next.pointee))
            next += 1
        }
    }

    mutating func append(_ number: UInt64) {
        if number >= 10 { append(number / 10) }
        append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number % 10))
    }

    /// A number with at most two decimals; whole numbers without.
    mutating func append(_ number: Double) {
        guard number.isFinite else { return append("unknown") }
        if number < 0 { append("-") }
        let hundredths = UInt64(min(abs(number) * 100 + 0.5, 1e17))
        append(hundredths / 100)
        let decimals = hundredths % 100
        guard decimals > 0 else { return }
        append(".")
        append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: decimals / 10))
        if decimals % 10 > 0 { append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: decimals % 10)) }
    }
}

extension StaticString {
    /// A StaticString ends with a zero byte: it is a C string that lives for ever.
    var cString: UnsafePointer<CChar> {
        UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
    }
}

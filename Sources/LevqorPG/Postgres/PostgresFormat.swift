/// How the server writes the cells of a result.
enum PostgresFormat: Int32, Sendable {
    case text = 0
    case binary = 1
}

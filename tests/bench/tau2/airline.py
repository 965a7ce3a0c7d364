# ruff: noqa: PLR0917 - the names and arguments are those of the data set
"""What an agent of tau2-bench's airline may do."""

from typing import Any, Literal

from tests.bench.tau2.records import Document, Records, opened

from bedplate.tools.protocol import ToolContext

Cabin = Literal["basic_economy", "economy", "business"]
FRESH = "HATHAT"
NOW = "2024-05-15T15:00:00"


def get_user_details(user_id: str, folder: str, context: ToolContext) -> Document:
    """All about a user."""
    with opened(folder, context.run) as records:
        return records.get("users", user_id)


def get_reservation_details(reservation_id: str, folder: str, context: ToolContext) -> Document:
    """All about a reservation."""
    with opened(folder, context.run) as records:
        return records.get("reservations", reservation_id)


def search_direct_flight(
    origin: str, destination: str, date: str, folder: str, context: ToolContext
) -> list[Document]:
    """Flights without a stop that can still be booked for a day."""
    with opened(folder, context.run) as records:
        flights = records.all("flights")
    return [
        {"flight_number": flight["flight_number"], **day}
        for flight in flights
        if (flight["origin"], flight["destination"]) == (origin, destination)
        and (day := flight["dates"].get(date, {})).get("status") == "available"
    ]


def cancel_reservation(reservation_id: str, folder: str, context: ToolContext) -> Document:
    """Cancel a whole reservation; what was paid goes back."""
    with opened(folder, context.run) as records:
        reservation = records.get("reservations", reservation_id)
        if reservation.get("status") == "cancelled":
            raise ValueError(f"{reservation_id} is cancelled already")
        reservation["payment_history"] += [
            {"payment_id": paid["payment_id"], "amount": -paid["amount"]}
            for paid in reservation["payment_history"]
        ]
        reservation["status"] = "cancelled"
        return _kept(records, reservation)


def update_reservation_baggages(
    reservation_id: str, total_baggages: int, nonfree_baggages: int, payment_id: str,
    folder: str, context: ToolContext,
) -> Document:  # fmt: skip
    """Change how many bags there are; each further one that is not free costs 50 dollars."""
    with opened(folder, context.run) as records:
        reservation = records.get("reservations", reservation_id)
        more = max(0, nonfree_baggages - reservation["nonfree_baggages"])
        _paid(records, reservation, payment_id, 50 * more)
        reservation |= {"total_baggages": total_baggages, "nonfree_baggages": nonfree_baggages}
        return _kept(records, reservation)


def update_reservation_flights(
    reservation_id: str, cabin: Cabin, flights: list[dict[str, str]], payment_id: str,
    folder: str, context: ToolContext,
) -> Document:  # fmt: skip
    """Change cabin or flights of a whole reservation; the difference is paid or given back."""
    with opened(folder, context.run) as records:
        reservation = records.get("reservations", reservation_id)
        flown = {(f["flight_number"], f["date"]): f for f in reservation["flights"]}
        chosen: list[Document] = []
        for flight in flights:
            kept = flown.get((flight["flight_number"], flight["date"]))
            same = cabin == reservation["cabin"]
            chosen.append(kept if kept and same else _leg(records, flight, cabin))
        people = len(reservation["passengers"])
        before = sum(flight["price"] for flight in reservation["flights"])
        difference = (sum(flight["price"] for flight in chosen) - before) * people
        _paid(records, reservation, payment_id, difference)
        reservation |= {"flights": chosen, "cabin": cabin}
        return _kept(records, reservation)


def update_reservation_passengers(
    reservation_id: str, passengers: list[dict[str, str]], folder: str, context: ToolContext
) -> Document:
    """Change who flies; as many as before."""
    with opened(folder, context.run) as records:
        reservation = records.get("reservations", reservation_id)
        if len(passengers) != len(reservation["passengers"]):
            raise ValueError("the number of passengers cannot be changed")
        reservation["passengers"] = passengers
        return _kept(records, reservation)


def book_reservation(
    user_id: str, origin: str, destination: str, flight_type: Literal["one_way", "round_trip"],
    cabin: Cabin, flights: list[dict[str, str]], passengers: list[dict[str, str]],
    payment_methods: list[dict[str, Any]], total_baggages: int, nonfree_baggages: int,
    insurance: Literal["yes", "no"], folder: str, context: ToolContext,
) -> Document:  # fmt: skip
    """Book flights for passengers, paid with methods of the user's."""
    with opened(folder, context.run) as records:
        user = records.get("users", user_id)
        legs = [_leg(records, flight, cabin) for flight in flights]
        each = 30 if insurance == "yes" else 0
        total = (sum(leg["price"] for leg in legs) + each) * len(passengers)
        total += 50 * nonfree_baggages
        if (given := sum(paid["amount"] for paid in payment_methods)) != total:
            raise ValueError(f"{given} does not pay for {total}")
        taken = {reservation["reservation_id"] for reservation in records.all("reservations")}
        id = next(name for n in range(100) if (name := f"{FRESH[:-1]}{chr(84 + n)}") not in taken)
        reservation = {
            "reservation_id": id, "user_id": user_id, "origin": origin,
            "destination": destination, "flight_type": flight_type, "cabin": cabin,
            "flights": legs, "passengers": passengers, "payment_history": payment_methods,
            "created_at": NOW, "total_baggages": total_baggages,
            "nonfree_baggages": nonfree_baggages, "insurance": insurance,
        }  # fmt: skip
        for paid in payment_methods:
            _spend(user, paid["payment_id"], paid["amount"])
        user["reservations"].append(id)
        records.put("users", user_id, user)
        return _kept(records, reservation)


READS = ("get_user_details", "get_reservation_details", "search_direct_flight")
EFFECTS = (
    "cancel_reservation", "update_reservation_baggages", "update_reservation_flights",
    "update_reservation_passengers", "book_reservation",
)  # fmt: skip


def _kept(records: Records, reservation: Document) -> Document:
    records.put("reservations", reservation["reservation_id"], reservation)
    return reservation


def _leg(records: Records, flight: dict[str, str], cabin: str) -> Document:
    found = records.get("flights", flight["flight_number"])
    day = found["dates"].get(flight["date"], {})
    if day.get("status") != "available" or day["available_seats"][cabin] < 1:
        raise ValueError(f"{flight['flight_number']} cannot be booked for {flight['date']}")
    return {
        "origin": found["origin"],
        "destination": found["destination"],
        "flight_number": flight["flight_number"],
        "date": flight["date"],
        "price": day["prices"][cabin],
    }


def _paid(records: Records, reservation: Document, payment_id: str, amount: float) -> None:
    user = records.get("users", reservation["user_id"])
    if user["payment_methods"].get(payment_id, {}).get("source") == "certificate":
        raise ValueError("a certificate pays for a new booking alone")
    if not amount:
        return
    _spend(user, payment_id, amount)
    records.put("users", reservation["user_id"], user)
    reservation["payment_history"].append({"payment_id": payment_id, "amount": amount})


def _spend(user: Document, payment_id: str, amount: float) -> None:
    method = user["payment_methods"].get(payment_id)
    if method is None:
        raise LookupError(f"{user['user_id']} has no payment method {payment_id!r}")
    if method["source"] == "certificate":
        del user["payment_methods"][payment_id]
    elif method["source"] == "gift_card":
        if method["amount"] < amount:
            raise ValueError(f"{payment_id} has only {method['amount']}")
        method["amount"] -= amount

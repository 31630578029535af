"""What answers the requests of a node: what they share, and the route table of the service that it stands for.

Owns the choice by ``Settings.profile``. What makes up another service's surface is loaded where one is asked for.
"""

from docstore.httpd.app import ROUTER
from docstore.httpd.routing import Router
from docstore.httpd.service import Service
from docstore.node import Node
from docstore.settings import Profile


def serving(node: Node) -> tuple[Service, Router]:
    """The shared parts and the route table of a started node."""
    service = Service(node)
    router = router_of(node.settings.profile)
    if node.settings.profile is not Profile.COUCHDB:
        from docstore.httpd.cloudant.front import CloudantFront

        service.front = CloudantFront(service)
    return service, router


def router_of(profile: Profile) -> Router:
    """The route table of a service."""
    if profile is Profile.COUCHDB:
        return ROUTER
    from docstore.httpd.cloudant.routes import FIRST_GENERATION, SECOND_GENERATION

    return FIRST_GENERATION if profile is Profile.CLOUDANT else SECOND_GENERATION
